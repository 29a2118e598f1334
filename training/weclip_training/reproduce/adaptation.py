"""Going on with a model in a domain that it does not know: what people's corrections bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_napari.scenes import SHIFTED
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.dataset import read_dataset
from weclip_napari.session.masks import read_mask
from weclip_napari.session.states import State
from weclip_training.config import DataConfig, TrainConfig
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.places import HELD_OUT_SEED, TRAIN_SEED, draw
from weclip_training.reproduce.report import Row
from weclip_training.reproduce.source import CHECKPOINT_EVERY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weclip_training.reproduce.study import Study

SCENES, CORRECTED = 100, 20
"""How many are known at all, and how many of them with a mask."""
KINDS: dict[str, int | None] = {
    "corrected only": CORRECTED,
    "tags only": 0,
    "both": CORRECTED,
    "all masks": None,
}
"""From setting to how many images are corrected; None is all of them."""
STAGES = {
    "pseudo_label": "pseudo label",
    "decoder": "decoder with tags",
    "decoder_untagged": "decoder without tags",
}
"""What a run is scored by at its end, on the held-out scenes that its settings name."""


def configs(study: Study, seed: int) -> dict[str, TrainConfig]:
    """Go on with the model from corrected images, tags, both, or all masks; see `KINDS`.

    Every setting starts from the model's own decoder and is optimised as a retraining in the
    annotator is.
    """
    from weclip_training.retrain import retrain_fit

    shifted = study.out / "data" / f"shifted-{seed}"
    truth = draw(shifted, min(SCENES, study.budget.images or SCENES), TRAIN_SEED + seed, SHIFTED)
    return {
        name: TrainConfig(
            run="",
            data=DataConfig(
                str(annotate(truth, _folder(truth, corrected), corrected)),
                held_out=str(_held_out(study)),
                selection="reviewed" if name == "corrected only" else "all",
            ),
            model=study.model,
            weights=study.weights,
            device=study.device,
            supervision="mixed",
            fit=retrain_fit(study.budget.steps, seed, study.budget.batch),
            checkpoint_every=CHECKPOINT_EVERY,
        )
        for name, corrected in KINDS.items()
    }


def _folder(truth: Path, corrected: int | None) -> Path:
    return truth.with_name(f"{truth.name}-corrected-{'all' if corrected is None else corrected}")


def _held_out(study: Study) -> Path:
    folder = study.out / "data" / "shifted-held-out"
    return draw(folder, study.budget.held_out, HELD_OUT_SEED, SHIFTED)


def annotate(truth: Path, folder: Path, corrected: int | None = None) -> Path:
    """Make a folder as the annotator leaves it: some images accepted, of the others the tags.

    Parameters
    ----------
    truth
        A data set folder.
    folder
        To be made.
    corrected
        How many images are accepted; all by default.
    """
    done = folder / "done"
    if done.exists():
        return folder
    dataset = read_dataset(truth)
    folder.mkdir(parents=True, exist_ok=True)
    store = AnnotationStore(folder)
    for name in dataset.classes:
        store.ensure_class(name)
    for number, example in enumerate(dataset.examples):
        image = folder / example.image.name
        image.write_bytes(example.image.read_bytes())
        mask = read_mask(example.mask)
        if corrected is None or number < corrected:
            annotation = Annotation(mask, mask > 0, example.tags, (), State.ACCEPTED)
        else:
            annotation = Annotation(mask * 0, mask < 0, example.tags)
        store.save(image, annotation)
    done.touch()
    return folder


def _rows(study: Study) -> Iterator[Row]:
    by_seed = [configs(study, seed) for seed in study.seeds]
    for name in KINDS:
        runs = [settings[name] for settings in by_seed]
        scores = [study.runs.metrics(run) for run in runs]
        seconds = sum(study.runs.seconds(run) for run in runs)
        for stage, meaning in STAGES.items():
            values = tuple(each[stage] for each in scores)
            yield Row(f"{name}, {meaning}", "", values, seconds)


def _runs(study: Study) -> list[TrainConfig]:
    return [config for seed in study.seeds for config in configs(study, seed).values()]


ADAPTATION = Item(
    "adaptation",
    f"Going on with the model in a domain of other backgrounds and one class more, from "
    f"{CORRECTED} corrected images, from tags, from both, and from all masks.",
    "mIoU %, held-out scenes of that domain",
    _rows,
    _runs,
    datasets=("scenes",),
    images=SCENES,
)
