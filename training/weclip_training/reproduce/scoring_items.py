"""Items that score: table 1 on the images trained on, and table 5."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.kept import Kept
    from weclip_training.reproduce.study import Study

PRINTED = "printed figure"
OTHERS = {
    "RIB (NeurIPS 2021)": "70.6",
    "MCTformer (CVPR 2022)": "69.1",
    "ACR (CVPR 2023)": "72.3",
    "CLIMS (CVPR 2022)": "70.5",
}
CRF_NOTE = "the dense CRF is WeCLIP's (its spreads are 3, 64 and 5; CLIP-ES's code has 1, 67 and 3)"
PAPER_SCALES = {
    (1.0,): "74.0",
    (0.5, 1.0): "74.2",
    (0.75, 1.0): "74.9",
    (0.5, 0.75, 1.0): "74.4",
    (0.75, 1.0, 1.25): "74.8",
    (0.75, 1.0, 1.5): "74.5",
}
UNTAGGED, TAGGED = "decoder_untagged", "decoder"


def default_runs(study: Study) -> list[TrainConfig]:
    """Return the run of each seed with which everything else is compared."""
    return [study.config(seed) for seed in study.seeds]


def data_seeds(study: Study) -> tuple[int, ...]:
    """Return the seeds that have images of their own to train on; one where all share them."""
    return study.seeds if study.source.is_drawn else study.seeds[:1]


def crf_problem() -> str:
    """Say why a dense CRF cannot be computed; empty if it can."""
    from weclip_napari.core.postprocess import require_crf

    try:
        require_crf()
    except UserError as error:
        return str(error)
    return ""


def score_base(
    study: Study, seed: int, stage: str, background: Sequence[str] | None = None
) -> Kept:
    """Score the frozen model, without any training, on the images that a seed trains on.

    Parameters
    ----------
    study, seed
        Whose images.
    stage
        See `weclip_napari.stages`; its mIoU is the only value of what is returned.
    background
        Background words in place of the model's.

    Raises
    ------
    UserError
        If the model or the images cannot be used.
    """
    model = study.base()
    if background is not None:
        model = replace(model, config=replace(model.config, background_words=tuple(background)))
    images = study.dataset("train", seed)

    def score() -> dict[str, float]:
        return study.evaluated(model, images, (stage,))

    key = {"folder": images.folder.name, "words": model.config.background_words}
    return study.scored({"untrained": stage, **key}, score)


def base_row(
    study: Study,
    setting: str,
    stage: str,
    paper: str = "",
    remark: str = "",
    **options: Sequence[str],
) -> Row:
    """Score the frozen model for every seed that has its own images; see `score_base`."""
    kept = [score_base(study, seed, stage, **options) for seed in data_seeds(study)]
    values = tuple(one.values[stage] for one in kept)
    return Row(setting, paper, values, sum(one.seconds for one in kept), remark)


def _table1(study: Study) -> Iterator[Row]:
    for method, figure in OTHERS.items():
        yield Row(method, figure, remark=PRINTED)
    yield base_row(
        study,
        "CLIP-ES before its CRF",
        "clip_es",
        "70.8",
        "70.8 is the figure of CLIP-ES's own paper",
    )
    if problem := crf_problem():
        yield Row("CLIP-ES", "75.0", remark=problem)
    else:
        yield base_row(study, "CLIP-ES", "clip_es_crf", "75.0", CRF_NOTE)
    kept = [
        study.scores(config, study.dataset("train", seed), (TAGGED, UNTAGGED), part="train")
        for seed, config in zip(study.seeds, default_runs(study), strict=True)
    ]
    seconds = sum(one.seconds for one in kept)
    predicted, tagged = (tuple(one.values[stage] for one in kept) for stage in (UNTAGGED, TAGGED))
    yield Row("WeCLIP, its predictions", "78.2", predicted, seconds)
    yield Row("WeCLIP, held to the image's tags", "", tagged, seconds)


def _table5(study: Study) -> Iterator[Row]:
    for scales, paper in PAPER_SCALES.items():
        name = "{" + ", ".join(str(scale) for scale in scales) + "}"
        scores = [study.miou(config, scales=scales, flip=True) for config in default_runs(study)]
        values, seconds = zip(*scores, strict=True)
        yield Row(name, paper, values, sum(seconds))


TABLE1 = Item(
    "table1",
    "Pseudo labels of the images trained on: methods that train in several stages, CLIP-ES, which "
    "trains nothing, and WeCLIP used as a generator of pseudo labels.",
    "mIoU %, train",
    _table1,
    default_runs,
    scorings=8,
)
TABLE5 = Item(
    "table5",
    "Sets of test-time scales, each with mirror images.",
    "mIoU %, val",
    _table5,
    default_runs,
    scorings=6,
)
