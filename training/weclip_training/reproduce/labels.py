"""Item ``labels``: pseudo labels of all images trained on, to train another segmenter with.

``OUT/labels-SEED`` is a tree like PASCAL VOC's without the images: ``SegmentationClass``, the list
``ImageSets/Segmentation/train.txt``, and ``classes.txt``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError, naming
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.dataset import CLASSES, read_example
from weclip_napari.session.images import read_image
from weclip_napari.session.masks import read_mask, write_mask
from weclip_napari.session.voc_tree import LISTS, MASK_FOLDERS
from weclip_napari.tally import Tally
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.progress import counted
from weclip_training.reproduce.report import Row
from weclip_training.reproduce.scoring_items import TAGGED, default_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weclip_napari.session.dataset import Dataset, Example
    from weclip_napari.stages import StageMaps
    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.kept import Kept
    from weclip_training.reproduce.study import Study

ORIGIN = "labels.json"
_MIOU, _COUNT = "miou", "written"


class LabelFolder:
    """The pseudo labels of one run.

    Parameters
    ----------
    study, config
        The run; it is trained if it is not yet.

    Attributes
    ----------
    path : Path
        Where they lie.

    Raises
    ------
    UserError
        If the folder holds the labels of another run, or the images cannot be listed.
    """

    def __init__(self, study: Study, config: TrainConfig) -> None:
        self.path = study.out / f"labels-{config.fit.seed}"
        self._study, self._config = study, config
        self._images: Dataset = study.dataset("train", config.fit.seed)
        self._examples = tuple(self._images.examples)  # each may open a file to know its tags
        self._claim({"run": study.runs.folder(config).name})

    def write(self) -> None:
        """Write the labels that are not there yet, then the lists.

        Raises
        ------
        UserError
            If the run cannot be trained, or not one image be labelled.
        """
        from weclip_napari.stages import StageMaps

        missing = [one for one in self._examples if not self._label(one).exists()]
        if missing:
            model = self._study.trained(self._config)
            maps = StageMaps(model, self._images.classes, (TAGGED,))
            for example in counted(missing, "labelling"):
                self._write_one(maps, example)
        self._list()

    def score(self) -> dict[str, float]:
        """Count the labels and compare them with the truth; mIoU in percent."""
        tally = Tally(self._images.classes, (TAGGED,))
        written = self._written()
        for example in counted(written, "scoring"):
            try:
                _, truth = read_example(example)
            except UserError as error:
                self._study.note(f"note: {error}")
                continue
            tally.add(truth, {TAGGED: read_mask(self._label(example))}, example.tags)
        miou = tally.report(0.0, ()).miou[TAGGED]
        known = {} if miou is None else {_MIOU: miou}
        return {_COUNT: len(written), **known}

    def kept_score(self) -> Kept:
        """Write and score, unless that was done before; labels that were deleted are made anew.

        The seconds are those of the training as well.
        """

        def work() -> dict[str, float]:
            self.write()
            return self.score()

        runs = self._study.runs
        runs.finish(self._config)
        run = runs.folder(self._config).name
        kept = self._study.scored({"run": run, "part": "train", "labels": "written"}, work)
        if len(self._written()) < kept.values[_COUNT]:
            self.write()
        return replace(kept, seconds=kept.seconds + runs.seconds(self._config))

    def _claim(self, origin: dict[str, str]) -> None:
        """Make the folder this run's own."""
        path = self.path / ORIGIN
        if not path.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_text_atomically(path, json.dumps(origin, indent=1) + "\n")
        elif path.read_text(encoding="utf-8") != json.dumps(origin, indent=1) + "\n":
            raise UserError(
                f"'{self.path}' holds the labels of another run. Move or delete it, or name "
                "another folder (--out)."
            )

    def _label(self, example: Example) -> Path:
        """Return where an image's label goes: as its mask lies in the folder of all masks."""
        inside = example.mask.relative_to(self._images.folder).parts[1:]
        return self.path.joinpath(MASK_FOLDERS[-1], *inside)

    def _written(self) -> list[Example]:
        return [one for one in self._examples if self._label(one).exists()]

    def _write_one(self, maps: StageMaps, example: Example) -> None:
        try:
            image = read_image(example.image)
            with naming(example.image):
                labels = maps.maps(maps.encode(image), image, example.tags)[TAGGED]
        except UserError as error:
            self._study.note(f"note: {error}")
            return
        path = self._label(example)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mask(path, labels)

    def _list(self) -> None:
        names = [self._label(one).stem for one in self._written()]
        if not names:
            raise UserError(f"Not one image of '{self._images.folder}' could be labelled.")
        listed = self.path / LISTS[0] / "train.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(listed, "\n".join(names) + "\n")
        write_text_atomically(self.path / CLASSES, "\n".join(self._images.classes) + "\n")


def _labels(study: Study) -> Iterator[Row]:
    kept = [LabelFolder(study, config).kept_score() for config in default_runs(study)]
    values = tuple(one.values[_MIOU] for one in kept if _MIOU in one.values)
    counts = ", ".join(f"{one.values[_COUNT]:.0f}" for one in kept)
    yield Row(
        "WeCLIP, held to the image's tags",
        values=values,
        seconds=sum(one.seconds for one in kept),
        remark=f"{counts} labels are in labels-SEED/{MASK_FOLDERS[-1]}; lay the images beside them "
        "to train another segmenter",
    )


LABELS = Item(
    "labels",
    "Pseudo labels of all images trained on, written as PNG files in the palette of PASCAL VOC.",
    "mIoU %, train",
    _labels,
    default_runs,
    scorings=3,
)
