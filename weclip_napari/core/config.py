"""What a checkpoint's JSON says: every choice that changes its numbers.

The dataclasses are frozen and go to JSON and back without loss. Their defaults are the published
WeCLIP on PASCAL VOC; a checkpoint states its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from math import inf
from typing import Any, Literal, Self, get_args

from weclip_napari.core.classes import TEMPLATE, VOC_BACKGROUND
from weclip_napari.errors import UserError

Variant = Literal["mean", "filter"]
Distance = Literal["signed", "absolute"]

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class JsonConfig:
    """Round trip of a frozen dataclass through plain JSON values."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dictionary that ``json.dumps`` accepts."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Build the configuration from what :meth:`to_json` gave.

        Parameters
        ----------
        data : dict
            Field values; a missing field keeps its default.

        Raises
        ------
        UserError
            If a key is unknown, a required one is missing, or a value is not allowed.
        """
        if not isinstance(data, dict):
            raise UserError(f"{cls.__name__}: {data!r} is no JSON object. Restore the file.")
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        if unknown := sorted(set(data) - known):
            raise UserError(
                f"{cls.__name__}: unknown key {', '.join(unknown)}. Update weclip-napari, or "
                f"remove it from the checkpoint's JSON; known keys: {', '.join(sorted(known))}."
            )
        try:
            return cls(**{key: _from_plain(value) for key, value in data.items()})
        except TypeError as error:
            raise UserError(f"{cls.__name__}: {error}. Check the checkpoint's JSON.") from error


def _from_plain(value: Any) -> Any:
    return tuple(_from_plain(v) for v in value) if isinstance(value, list) else value


def _require(allowed: bool, message: str) -> None:
    if not allowed:
        raise UserError(f"Bad configuration: {message}. Check the checkpoint's JSON.")


@dataclass(frozen=True)
class AffinityConfig(JsonConfig):
    """Which attention maps make the affinity, and how it spreads a CAM.

    Attributes
    ----------
    variant : {"filter", "mean"}
        ``"filter"`` keeps the maps near the learned affinity A_f and multiplies by it;
        ``"mean"`` averages maps and needs no decoder.
    last_mean, last_filter : int
        Number of last maps of each variant, at most the depth of the backbone.
    layers : tuple of int, optional
        Block numbers from 1 that replace "the last N" in both variants.
    distance : {"signed", "absolute"}
        How far a map is from A_f: the sum of differences (published) or of their sizes (paper).
    sinkhorn_rounds : int
        Rounds of column, then row normalisation.
    squared : bool
        Whether the transition matrix is the square of the balanced affinity.
    box_threshold : float
        Share of the CAM's maximum above which it makes boxes; 0.7 for COCO.
    """

    variant: Variant = "filter"
    last_mean: int = 8
    last_filter: int = 6
    layers: tuple[int, ...] | None = None
    distance: Distance = "signed"
    sinkhorn_rounds: int = 3
    squared: bool = True
    box_threshold: float = 0.4

    def __post_init__(self) -> None:
        """Refuse values that no variant understands."""
        _require(self.variant in get_args(Variant), f"variant {self.variant!r}")
        _require(self.distance in get_args(Distance), f"distance {self.distance!r}")
        _require(min(self.last_mean, self.last_filter) >= 1, "the number of maps is under 1")
        _require(self.layers is None or min(self.layers, default=0) >= 1, f"layers {self.layers}")


@dataclass(frozen=True)
class DecoderConfig(JsonConfig):
    """Shape of the trained decoder.

    Attributes
    ----------
    classes : tuple of str
        Foreground class names; the logit of class ``classes[i]`` has index ``i + 1``.
    in_width : int
        Width C of the backbone's tokens.
    taps : tuple of int
        First and last block read, from 1, both included; (1, L - 1) in the published code.
    width, layers, heads, dropout
        Width of the fused features, transformer blocks on them, their heads, channel dropout.
    """

    classes: tuple[str, ...]
    in_width: int
    taps: tuple[int, int]
    width: int = 256
    layers: int = 3
    heads: int = 8
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse impossible shapes."""
        _require(len(self.classes) > 0, "the decoder has no classes")
        _require(len(set(self.classes)) == len(self.classes), "a class is named twice")
        _require(1 <= self.taps[0] <= self.taps[1], f"taps {self.taps}")
        _require(self.width % self.heads == 0, f"width {self.width} for {self.heads} heads")


@dataclass(frozen=True)
class WeclipConfig(JsonConfig):
    """Everything about a model but its weights and its decoder's shape.

    Attributes
    ----------
    backbone, pretrained : str
        open_clip's names of the frozen CLIP.
    template : str
        Prompt with ``{}`` where the class words go.
    pixel_mean, pixel_std : tuple of float
        Subtracted from and divided into RGB values of 0..255.
    background_words : tuple of str
        Words that compete with the tags in the class scores. Without any, a single tag of an
        image has the score 1, from which no Grad-CAM follows.
    input_long_side : int
        Long side, in pixels, of the image that the backbone sees.
    antialias : bool
        Whether blocks of pixels of an image at least twice as large are averaged before it is
        resized; the published resize is bilinear alone.
    affinity : AffinityConfig
        How the CAM is refined.
    background_power : float
        Exponent of the background score (1 - max_k M_k).
    par_iterations, par_long_side : int
        Iterations of the pixel-adaptive refinement, and the largest side it runs at.
    par_fine_guide : bool
        Whether an image that is much finer at that size than what the backbone sees guides the
        refinement itself; the published guide is what the backbone sees.
    cam_threshold, refined_cam_threshold : float
        Share above which a single CAM counts as foreground when shown or scored.
    scales : tuple of float
        Test-time scales of the decoder.
    flip : bool
        Whether the decoder also sees the mirrored image.
    """

    backbone: str = "ViT-B-16-quickgelu"
    pretrained: str = "openai"
    template: str = TEMPLATE
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    background_words: tuple[str, ...] = VOC_BACKGROUND
    input_long_side: int = 512
    antialias: bool = False
    affinity: AffinityConfig = field(default_factory=AffinityConfig)
    background_power: float = 1.0
    par_iterations: int = 20
    par_long_side: int = 512
    par_fine_guide: bool = False
    cam_threshold: float = 0.4
    refined_cam_threshold: float = 0.4
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot work, whoever wrote them."""
        _require("{}" in self.template, f"template {self.template!r} has no {{}}")
        _require(
            len(self.scales) > 0 and all(0 < s < inf for s in self.scales), f"scales {self.scales}"
        )
        constants = (self.pixel_mean, self.pixel_std)
        _require(all(len(values) == 3 for values in constants), "pixel constants are not of RGB")
        _require(min(self.pixel_std) > 0, f"pixel_std {self.pixel_std}")
        _require(self.input_long_side >= 1 and self.par_long_side >= 1, "a side under 1 pixel")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Build the configuration from what :meth:`to_json` gave.

        Raises
        ------
        UserError
            As for the other configurations.
        """
        data = dict(data)
        if isinstance(affinity := data.get("affinity"), dict):
            data["affinity"] = AffinityConfig.from_json(affinity)
        return super().from_json(data)
