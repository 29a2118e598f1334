"""What decides a training run; kept as JSON beside its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from weclip_napari.core.config import JsonConfig
from weclip_napari.core.published import Benchmark
from weclip_napari.errors import UserError

Supervision = Literal["weak", "full", "mixed"]
Selection = Literal["reviewed", "all"]
AffinityTarget = Literal["label", "prediction", "both"]
Precision = Literal["no", "fp16", "bf16"]

RETRAIN_STEPS = 150
"""Of a retraining from the annotator, where nothing else is asked for."""


def _require(allowed: bool, message: str) -> None:
    if not allowed:
        raise UserError(f"Bad training configuration: {message}.")


@dataclass(frozen=True)
class FitConfig(JsonConfig):
    """How the decoder is optimised.

    Attributes
    ----------
    steps : int
        Optimiser steps; the schedule ends with them.
    batch : int
        Images per step, over all processes; 4 in the published run.
    accumulate : int
        Parts that a process works on one after the other, to need less memory; the losses stay
        those of the whole batch.
    switch_step : int or None
        From this step on the pseudo labels use the learned affinity ("filter" variant); before
        it, the mean of the attention maps. None never switches.
    affinity_weight : float
        Weight lambda of the affinity loss (supplement, table 4).
    affinity_target : {"label", "prediction", "both"}
        What supervises A_f: the pseudo label M_p, the decoder's own argmax P, or both where they
        agree (supplement, table 3).
    ignore_margin : float
        Pixels whose best pseudo label score is less than this above the second best are
        ignored, in [0, 1]; 0 ignores none, as published.
    agreement : bool
        Whether pixels of a pseudo label are ignored where the decoder, restricted to the image's
        tags, sees something else; for a decoder that is worth asking.
    rate : float
        Peak learning rate of the decoder.
    warmup : int
        Steps during which the learning rate rises.
    precision : {"no", "fp16", "bf16"}
        Mixed precision of the decoder.
    seed : int
        Of the decoder's start, its dropout, the order of the images and their augmentation.
    """

    steps: int = 2000
    batch: int = 4
    accumulate: int = 1
    switch_step: int | None = None
    affinity_weight: float = 0.1
    affinity_target: AffinityTarget = "label"
    ignore_margin: float = 0.0
    agreement: bool = False
    rate: float = 2e-3
    warmup: int = 50
    precision: Precision = "no"
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        counts = self.steps, self.batch, self.accumulate
        _require(all(isinstance(count, int) for count in counts), "a count is no whole number")
        _require(min(counts) >= 1, "a count is under 1")
        _require(self.rate > 0, f"{self.rate=}")
        _require(self.affinity_target in get_args(AffinityTarget), f"{self.affinity_target=}")
        _require(self.precision in get_args(Precision), f"{self.precision=}")
        _require(self.affinity_weight >= 0, f"{self.affinity_weight=}")
        _require(self.seed >= 0, f"{self.seed=}")


@dataclass(frozen=True)
class DataConfig(JsonConfig):
    """Which images.

    Attributes
    ----------
    root : str
        A data set folder, a tree in the style of PASCAL VOC, or a folder of the annotator.
    split, held_out_split : str or None
        Parts of such a tree to train on and to score on; None is all of it.
    held_out : str or None
        Where the images to score on lie; None does not score unless `held_out_split` is given,
        which is then looked up in `root`.
    classes : tuple of str
        What the label ids of the masks mean, where no ``classes.txt`` says so.
    selection : {"reviewed", "all"}
        Of an annotated folder: accepted and corrected images, or those with tags alone as well.
    limit : int or None
        How many images of a data set to train on at most, the first in order; None is all.
    """

    root: str
    split: str | None = None
    held_out: str | None = None
    held_out_split: str | None = None
    classes: tuple[str, ...] = ()
    selection: Selection = "all"
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        _require(self.selection in get_args(Selection), f"{self.selection=}")
        _require(self.limit is None or self.limit >= 1, f"{self.limit=}")


@dataclass(frozen=True)
class ViewConfig(JsonConfig):
    """How images are shown to the frozen backbone.

    Attributes
    ----------
    crop : int or None
        Side in pixels of random crops (published: 320), encoded anew in every step. None: whole
        images at the sizes of `scales`, encoded once and kept.
    scales : tuple of float
        Of random crops the least and the greatest factor (published: 0.5 and 2); else all factors
        at which an image is seen.
    flip : bool
        Whether mirror images are seen as well.
    cache_mib : int
        How much memory, and how much disk, the kept views may take; 0 keeps none.
    """

    crop: int | None = None
    scales: tuple[float, ...] = (1.0,)
    flip: bool = True
    cache_mib: int = 2048

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        _require(len(self.scales) > 0 and min(self.scales) > 0, f"scales {self.scales}")
        _require(self.crop is None or len(self.scales) == 2, "a crop needs two scales")


@dataclass(frozen=True)
class TrainConfig(JsonConfig):
    """One training run.

    Attributes
    ----------
    run : str
        Folder of the run: its settings, metrics, checkpoints and report.
    data : DataConfig
        The images.
    model : str
        Whose backbone and settings to use, and with "mixed" whose decoder to go on with; as for
        :func:`~weclip_napari.core.checkpoint.load_model`.
    weights : str or None
        File of the backbone's weights.
    device : str or None
        As for :func:`~weclip_napari.core.device.pick_device`.
    benchmark : {"voc", "coco"} or None
        Whose published background words and affinity replace those of `model`; None replaces
        nothing.
    supervision : {"weak", "full", "mixed"}
        From tags alone; from the masks (supplement, section 3); or from a folder of the
        annotator, people's pixels and tags together.
    first_layer : int or None
        First block N0 that the decoder reads (supplement, table 2); None is the model's own, or 1.
    width : int or None
        Of the decoder; None is the model's own, or 256 as published.
    fit : FitConfig
        The optimisation.
    views : ViewConfig
        What the backbone sees.
    scales, flip
        Test-time scales and mirroring of the trained model; None are those of `model`.
    crf : bool
        Whether a dense CRF sharpens what is scored on held-out images.
    checkpoint_every, evaluate_every : int
        Steps between checkpoints and between scores on held-out images; both happen at the end
        as well. 0 is at the end only.
    """

    run: str
    data: DataConfig
    model: str = "embedded"
    weights: str | None = None
    device: str | None = None
    benchmark: Benchmark | None = None
    supervision: Supervision = "weak"
    first_layer: int | None = None
    width: int | None = None
    fit: FitConfig = field(default_factory=FitConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    crf: bool = False
    checkpoint_every: int = 500
    evaluate_every: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        _require(self.supervision in get_args(Supervision), f"{self.supervision=}")
        _require(self.benchmark in (None, *get_args(Benchmark)), f"{self.benchmark=}")
        _require(self.first_layer is None or self.first_layer >= 1, f"{self.first_layer=}")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Build the configuration from what :meth:`to_json` gave.

        Raises
        ------
        UserError
            If a key is unknown, a required one is missing, or a value is not allowed.
        """
        parts: dict[str, type[JsonConfig]] = {
            "data": DataConfig,
            "fit": FitConfig,
            "views": ViewConfig,
        }
        if isinstance(data, dict):
            data = data | {key: parts[key].from_json(data[key]) for key in parts if key in data}
        return super().from_json(data)
