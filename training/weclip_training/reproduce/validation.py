"""Item ``val``: the default run on images never trained on, in every way of using it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING

from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.tally import BACKGROUND_NAME
from weclip_training.reproduce.figures import DECODER, class_key
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.report import Row, digits
from weclip_training.reproduce.scoring_items import (
    PRINTED,
    TAGGED,
    UNTAGGED,
    crf_problem,
    default_runs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.kept import Kept
    from weclip_training.reproduce.study import Study

NAME = "val"
PSEUDO_LABEL = "pseudo_label"
SMALLER = 0.75
COCO_NOTE = "the paper's figure for COCO"
COLUMNS = ("class", "predictions_mean", "predictions_std", "tagged_mean", "tagged_std", "seeds")


@dataclass(frozen=True)
class Use:
    """A way of using the decoder on images without tags.

    Attributes
    ----------
    setting : str
        Its name.
    paper : str
        The printed figure for PASCAL VOC 2012.
    coco : str
        The printed figure for COCO.
    scales, flip
        Test-time views.
    crf : bool
        Whether a dense CRF sharpens.
    """

    setting: str
    paper: str = ""
    coco: str = ""
    scales: tuple[float, ...] = (SMALLER, 1.0)
    flip: bool = True
    crf: bool = False


USES = (
    Use("single scale", scales=(1.0,), flip=False),
    Use("two scales", flip=False),
    Use("two scales, mirror images", "74.9"),
    Use("two scales, mirror images, dense CRF", "76.4", "47.1", crf=True),
)
BEST = USES[2]


def _val(study: Study) -> Iterator[Row]:
    runs = default_runs(study)
    is_coco = study.source.benchmark == "coco"
    for use in USES:
        yield _use_row(study, use, use.coco if is_coco else use.paper)
    if not is_coco:
        yield Row("reruns by others, without CRF", "73.3-73.5", remark=PRINTED)
    best = [_decoder_scores(study, config, BEST) for config in runs]
    tagged = tuple(one.values[TAGGED] for one in best)
    held = f"{BEST.setting}, held to the image's tags"
    yield Row(held, "", tagged, sum(one.seconds for one in best))
    yield _label_row("pseudo labels, of the attention's affinity", [_first_labels(study)], tagged)
    kept = [_last_labels(study, config) for config in runs]
    yield _label_row("pseudo labels, of the learned affinity", kept, tagged)
    write_classes(study, best)


def _use_row(study: Study, use: Use, paper: str) -> Row:
    problem = crf_problem() if use.crf else ""
    origin = COCO_NOTE if paper and paper == use.coco else ""
    if problem:
        return Row(use.setting, paper, remark="; ".join(filter(None, (origin, problem))))
    kept = [_decoder_scores(study, config, use) for config in default_runs(study)]
    values = tuple(one.values[UNTAGGED] for one in kept)
    return Row(use.setting, paper, values, sum(one.seconds for one in kept), origin)


def _decoder_scores(study: Study, config: TrainConfig, use: Use) -> Kept:
    images = study.dataset("val", config.fit.seed)
    stages = (UNTAGGED,) if use.crf else DECODER
    return study.scores(
        config, images, stages, part="val", scales=use.scales, flip=use.flip, crf=use.crf
    )


def _first_labels(study: Study) -> Kept:
    """Score the labels that training begins with, made for the images that it is scored on."""
    images = study.dataset("val", study.seeds[0])
    key = {"untrained": PSEUDO_LABEL, "part": "val"}
    return study.scored(key, lambda: study.evaluated(study.base(), images, (PSEUDO_LABEL,)))


def _last_labels(study: Study, config: TrainConfig) -> Kept:
    """Score the labels that training ends with, made for the images that it is scored on."""
    images = study.dataset("val", config.fit.seed)

    def score() -> dict[str, float]:
        model = study.trained(config)
        affinity = replace(model.config.affinity, variant="filter")
        seen = replace(model, config=replace(model.config, affinity=affinity))
        return study.evaluated(seen, images, (PSEUDO_LABEL,))

    run = study.runs.folder(config).name
    return study.scored({"run": run, "part": "val", "labels": "filter"}, score)


def _label_row(setting: str, kept: Sequence[Kept], tagged: Sequence[float]) -> Row:
    labels = tuple(one.values[PSEUDO_LABEL] for one in kept)
    above = mean(tagged) - mean(labels)
    where = "above" if above >= 0 else "below"
    remark = f"the decoder, held to the same tags, is {abs(above):.1f} {where} them"
    return Row(setting, "", labels, sum(one.seconds for one in kept), remark)


def write_classes(study: Study, kept: Sequence[Kept]) -> None:
    """Write ``val_classes.csv``: the IoU in percent of every class, mean and spread over seeds.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    classes = study.dataset("val", study.seeds[0]).classes
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name in (BACKGROUND_NAME, *classes):
        found = [
            [one.values.get(class_key(stage, name)) for one in kept] for stage in (UNTAGGED, TAGGED)
        ]
        rows = [Row(name, values=tuple(v for v in values if v is not None)) for values in found]
        figures = [digits(value, 2) for row in rows for value in (row.mean, row.spread)]
        writer.writerow([name, *figures, len(rows[0].values)])
    write_text_atomically(study.out / f"{NAME}_classes.csv", text.getvalue())


VAL = Item(
    NAME,
    "Images never trained on: ways of using the decoder, and its own pseudo labels beside it.",
    "mIoU %, val",
    _val,
    default_runs,
    scorings=8,
)
