"""What a data set name means: its model, its published settings, and where its images lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.errors import UserError
from weclip_napari.scenes import CLASSES as SCENE_CLASSES
from weclip_napari.scenes import DRAWN, write_scenes
from weclip_napari.session.dataset import CLASSES, Dataset, read_classes, read_dataset
from weclip_napari.session.voc_tree import LISTS, PICTURES, is_voc_tree, read_voc_tree
from weclip_training.config import ViewConfig

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.core.published import Benchmark
    from weclip_napari.scenes import Domain

Part = Literal["train", "val"]
TRAIN_SEED, HELD_OUT_SEED = 5_000_000, 5_500_000
"""Of the drawn scenes; the number of the run's own seed is added to the first."""


@dataclass(frozen=True)
class Budget:
    """How large a reproduction is.

    Attributes
    ----------
    images, held_out : int or None
        How many images to train on and to score on, the first in order; None is all there are.
    steps, batch : int
        Of each training run.
    """

    images: int | None
    held_out: int | None
    steps: int
    batch: int


@dataclass(frozen=True)
class Source:
    """A data set that a reproduction works on.

    Attributes
    ----------
    name : str
        As typed: "scenes", "voc" or "coco".
    title : str
        For people.
    model : str
        Whose backbone is used by default; as for `load_model`.
    classes : tuple of str
        What the label ids mean where no ``classes.txt`` says so.
    benchmark : {"voc", "coco"} or None
        Whose published background words and affinity are used; None are the model's own.
    budget : Budget
        By default; for VOC and COCO as published.
    switch : float
        Share of the steps after which pseudo labels use the learned affinity.
    views : ViewConfig
        What the backbone sees in training.
    scales, flip
        Test-time views; None are the model's own.
    splits : dict
        Lists of a tree that may hold a part, the first that exists; else it is all images.
    """

    name: str
    title: str
    model: str
    classes: tuple[str, ...]
    benchmark: Benchmark | None
    budget: Budget
    switch: float
    views: ViewConfig
    scales: tuple[float, ...] | None
    flip: bool | None
    splits: dict[Part, tuple[str, ...]]

    @property
    def is_drawn(self) -> bool:
        """Whether the images are drawn, from another seed for every run."""
        return not self.splits


_CROPS = ViewConfig(crop=320, scales=(0.5, 2.0))
_SPLITS: dict[Part, tuple[str, ...]] = {"train": ("train_aug", "train"), "val": ("val",)}
_OPENAI = "ViT-B-16-quickgelu/openai"

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="scenes",
            title="drawn scenes",
            model="embedded",
            classes=SCENE_CLASSES,
            benchmark=None,
            budget=Budget(images=200, held_out=100, steps=400, batch=8),
            switch=0.5,
            views=ViewConfig(),
            scales=None,
            flip=None,
            splits={},
        ),
        Source(
            name="voc",
            title="PASCAL VOC 2012",
            model=_OPENAI,
            classes=VOC_CLASSES.names,
            benchmark="voc",
            budget=Budget(None, None, steps=30_000, batch=4),
            switch=9145 / 30_000,
            views=_CROPS,
            scales=(1.0, 0.75),
            flip=True,
            splits=_SPLITS,
        ),
        Source(
            name="coco",
            title="MS COCO 2014",
            model=_OPENAI,
            classes=COCO_CLASSES.names,
            benchmark="coco",
            budget=Budget(None, None, steps=80_000, batch=4),
            switch=0.5,
            views=_CROPS,
            scales=(1.0, 0.75),
            flip=True,
            splits=_SPLITS,
        ),
    )
}


class Place(NamedTuple):
    """Where a part of a data set lies.

    Attributes
    ----------
    folder : Path
        A data set folder, or a tree like PASCAL VOC's.
    split : str or None
        The list in such a tree; None is all of it.
    """

    folder: Path
    split: str | None


def draw(folder: Path, count: int, seed: int, domain: Domain = DRAWN) -> Path:
    """Draw scenes into a folder unless they are there; see `write_scenes`."""
    if not (folder / CLASSES).exists():  # written last
        write_scenes(folder, count, seed, domain=domain)
    return folder


def find_split(source: Source, root: Path, part: Part) -> Place:
    """Find the list of a tree that holds a part.

    Raises
    ------
    UserError
        If there is no such tree.
    """
    if not is_voc_tree(root):
        raise UserError(
            f"'{root}' is not laid out like PASCAL VOC: it has no folder {PICTURES}. Name the "
            "folder that has (--root)."
        )
    listed = (name for name in source.splits[part] if _has_split(root, name))
    return Place(root, next(listed, None))


def _has_split(root: Path, name: str) -> bool:
    lists = (root / place / f"{name}.txt" for place in LISTS)
    return any(path.is_file() for path in lists) or (root / PICTURES / name).is_dir()


def read_place(source: Source, place: Place) -> Dataset:
    """List the images of a part with masks and tags; none is opened.

    Raises
    ------
    UserError
        If a folder or list is missing or unreadable.
    """
    if source.is_drawn:
        return read_dataset(place.folder)
    listed = place.folder / CLASSES
    names = read_classes(listed) if listed.exists() else source.classes
    return read_voc_tree(place.folder, names, place.split)
