"""What the name of a data set means: its model, its size and its published settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.scenes import CLASSES as SCENE_CLASSES
from weclip_training.config import DataConfig, FitConfig, TrainConfig, ViewConfig

if TYPE_CHECKING:
    from weclip_napari.core.published import Benchmark

Part = Literal["train", "val"]
FIRST_LAYER = 1
CHECKPOINT_EVERY = 100


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


def default_run(
    source: Source, budget: Budget, folder: str, split: str | None, seed: int
) -> TrainConfig:
    """Return the weakly supervised run that the paper's ablations start from.

    Parameters
    ----------
    source
        Whose published settings.
    budget
        How many images and steps.
    folder, split
        What to train on.
    seed
        Of everything that is drawn by chance.
    """
    return TrainConfig(
        run="",
        data=DataConfig(folder, split, classes=source.classes, limit=budget.images),
        benchmark=source.benchmark,
        first_layer=FIRST_LAYER,
        fit=FitConfig(
            steps=budget.steps,
            batch=budget.batch,
            switch_step=round(source.switch * budget.steps),
            seed=seed,
        ),
        views=source.views,
        scales=source.scales,
        flip=source.flip,
        checkpoint_every=CHECKPOINT_EVERY,
    )
