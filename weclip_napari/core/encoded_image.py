"""One image as the model sees it: everything that does not depend on the tags, computed once."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.affinity import Transition, attention_affinity, patch_maps
from weclip_napari.core.backbone import LayerFeatures
from weclip_napari.core.cam import GradCam
from weclip_napari.core.classes import ClassSet
from weclip_napari.core.decoder import DecoderOutput
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.memory import held_bytes
from weclip_napari.core.network_input import canvas_of, network_input
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.postprocess import multi_scale_logits
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.cam_branch import CamEvidence
    from weclip_napari.core.decoder import WeclipDecoder
    from weclip_napari.core.model import WeclipModel

COARSE = 1.25
"""How much finer than the network's input a canvas must be to guide its refinement itself."""


class EncodedImage:
    """An image and what the model has computed of it so far.

    The encoder runs at construction; the last block, the decoder, the affinity and the
    refinement's weights when first used.

    Parameters
    ----------
    model : WeclipModel
        With or without decoder.
    background : Tensor
        (B, joint) vectors of the background words.
    image : ndarray of uint8
        (H, W, 3), RGB.
    state : dict of Tensor, optional
        What `state` gave for the same image and model; the encoder then does not run.

    Attributes
    ----------
    image_size : tuple of int
        (H, W).
    canvas : ndarray of uint8
        The image at the size at which masks are refined.
    grid : tuple of int
        (h, w) patches, n in all.

    Raises
    ------
    UserError
        If a side is shorter than one patch.
    """

    def __init__(
        self,
        model: WeclipModel,
        background: Tensor,
        image: NDArray[np.uint8],
        state: dict[str, Tensor] | None = None,
    ) -> None:
        self._model = model
        self._background = background
        self.image_size: tuple[int, int] = (image.shape[0], image.shape[1])
        self._pixels = network_input(model.backbone, image, model.config)
        self.canvas = canvas_of(model.backbone, image, model.config)
        height, width = self._pixels.shape[-2:]
        self.grid = (height // model.backbone.patch, width // model.backbone.patch)
        self._logits: dict[tuple[tuple[float, ...], bool], Tensor] = {}
        self._evidence: tuple[object, CamEvidence] | None = None
        self._features: LayerFeatures | None = None
        if state is None:
            self._last = self.features.tokens[:, -1:]
        else:
            self._restore(state)

    @property
    def features(self) -> LayerFeatures:
        """Of the encoder, which runs again if they were let go."""
        if self._features is None:
            self._features = self._model.backbone.encode(self._pixels)
        return self._features

    @property
    def canvas_size(self) -> tuple[int, int]:
        """(H', W') of the canvas."""
        return self.canvas.shape[0], self.canvas.shape[1]

    @cached_property
    def block(self) -> LastBlock:
        """The last block."""
        length = self._last.shape[-2]
        features = LayerFeatures(self._last, self._last.new_empty(1, 0, length, length), self.grid)
        return LastBlock(self._model.backbone, features)

    @cached_property
    def grad_cam(self) -> GradCam:
        """Grad-CAM, which remembers the tags that it has seen."""
        return GradCam(self.block, self._background, self._model.backbone.logit_scale)

    @cached_property
    def transition(self) -> Transition:
        """The transition matrix of the attention's affinity."""
        config = self._model.config.affinity
        is_learned = config.variant == "filter" and self._model.decoder is not None
        learned = self.decoded.affinity[0] if is_learned else None
        maps = patch_maps(self.features, self.block)
        return Transition.of(attention_affinity(maps, config, learned), config)

    @cached_property
    def par(self) -> PixelAdaptiveRefinement:
        """The refinement on the canvas, led by the network's input or (configured) itself."""
        guide = self._pixels
        finer = max(self.canvas_size) > COARSE * max(guide.shape[-2:])
        if finer and self._model.config.par_fine_guide:
            guide = self._model.backbone.preprocess(self.canvas)
        return PixelAdaptiveRefinement(guide, self.canvas_size)

    @cached_property
    def decoded(self) -> DecoderOutput:
        """The decoder's output at scale 1."""
        return self._decode(self.features)

    @torch.no_grad()
    def settle(self) -> None:
        """Compute all that does not depend on tags, and let go of what only that needed.

        Afterwards `affinity_row` only looks up, and may be called while others compute.
        """
        _ = self.grad_cam, self.par, self._affinities
        if self._model.decoder is not None:
            self.logits(self._model.config.scales, flip=self._model.config.flip)
        self._last = self._last.clone()  # no longer a view of all blocks' tokens
        self._features = None

    @property
    def nbytes(self) -> int:
        """How much memory this takes, whether on the processor or on a GPU."""
        return held_bytes(self)

    def state(self) -> dict[str, Tensor]:
        """Return what took long to compute, on the CPU, to be stored; settles the image."""
        self.settle()
        tensors = {"last": self._last, "balanced": self.transition.balanced}
        if self._model.decoder is not None:
            config = self._model.config
            tensors |= {
                "decoded": self.decoded.logits,
                "fused": self.decoded.fused,
                "logits": self.logits(config.scales, flip=config.flip),
            }
        return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}

    def _restore(self, state: dict[str, Tensor]) -> None:
        config, device = self._model.config, self._model.backbone.device
        held = {name: tensor.to(device) for name, tensor in state.items()}
        self._last = held["last"]
        self.transition = Transition(held["balanced"], config.affinity.squared)
        if self._model.decoder is not None:
            self.decoded = DecoderOutput(held["decoded"], held["fused"])
            self._logits[self._usable(config.scales), config.flip] = held["logits"]

    @cached_property
    def _affinities(self) -> dict[str, NDArray[np.float32]]:
        """Both (n, n) affinities as arrays, since a cursor must start no threads of torch's."""
        affinities = {"attention": self.transition.balanced}
        if self._model.decoder is not None:
            affinities["learned"] = self.decoded.affinity[0]
        return {kind: matrix.detach().cpu().numpy() for kind, matrix in affinities.items()}

    def affinity_row(self, y: int, x: int, kind: str) -> NDArray[np.float32]:
        """Return how strongly the patch under a pixel is tied to all, (h, w); see `Predictor`."""
        patch = self.patch_at(y, x)
        if kind == "learned":
            decoder_of(self._model)
        matrix = self._affinities[kind]
        is_squared = kind == "attention" and self.transition.squared
        row: NDArray[np.float32] = matrix[patch] @ matrix if is_squared else matrix[patch].copy()
        return row.reshape(self.grid)

    def logits(self, scales: tuple[float, ...], *, flip: bool) -> Tensor:
        """Return the decoder's logits, (C + 1, h, w), averaged over scales and mirror images.

        Scales at which an image would be smaller than a patch are left out.
        """
        if bad := [scale for scale in scales if not 0 < scale < math.inf]:
            raise UserError(f"Test-time scales must be positive numbers, not {bad[0]}.")
        scales = self._usable(scales)
        key = (scales, flip)
        if key not in self._logits:
            logits = multi_scale_logits(self._logits_of, self._pixels, self.grid, scales, flip=flip)
            self._logits[key] = logits[0]
        return self._logits[key]

    @property
    def known_logits(self) -> Tensor | None:
        """What `logits` gave for the model's own scales, if it was asked."""
        config = self._model.config
        return self._logits.get((self._usable(config.scales), config.flip))

    def _usable(self, scales: Sequence[float]) -> tuple[float, ...]:
        patch, side = self._model.backbone.patch, min(self._pixels.shape[-2:])
        return tuple(scale for scale in scales if side * scale >= patch) or (1.0,)

    def evidence(self, key: object, compute: Callable[[], CamEvidence]) -> CamEvidence:
        """Return the CAM branch's last evidence, computed anew for another key."""
        if self._evidence is None or self._evidence[0] != key:
            self._evidence = (key, compute())
        return self._evidence[1]

    def patch_at(self, y: int, x: int) -> int:
        """Return the number of the patch under a pixel of the image."""
        (height, width), (rows, columns) = self.image_size, self.grid
        if not (0 <= y < height and 0 <= x < width):
            raise UserError(f"Pixel {(y, x)} is outside the image of {height} x {width} pixels.")
        row, column = y * rows // height, x * columns // width
        return row * columns + column

    def _logits_of(self, pixels: Tensor) -> Tensor:
        if pixels is self._pixels:
            return self.decoded.logits
        return self._decode(self._model.backbone.encode(pixels, attention=False)).logits

    @torch.no_grad()
    def _decode(self, features: LayerFeatures) -> DecoderOutput:
        decoder = decoder_of(self._model)
        tokens = self._model.backbone.tapped_tokens(features, decoder.config.taps)
        output: DecoderOutput = decoder(tokens, features.grid)
        return output


def decoder_of(model: WeclipModel) -> WeclipDecoder:
    """Return the model's decoder.

    Raises
    ------
    UserError
        If it has none.
    """
    if model.decoder is None:
        raise UserError(
            f"The model {model.name!r} has no trained decoder. Use its CAMs (branch 'cam'), or "
            "train a decoder for your classes."
        )
    return model.decoder


def require_known(model: WeclipModel, tags: Sequence[str]) -> None:
    """Make sure that the model's decoder knows all tags.

    Raises
    ------
    UserError
        If it does not, or there is no decoder.
    """
    names = decoder_of(model).config.classes
    known = ClassSet.from_names(names)
    if unknown := [tag for tag in dict.fromkeys(tags) if tag not in known]:
        raise UserError(
            f"The decoder of {model.name!r} does not know {', '.join(unknown)}. "
            f"Use branch 'auto' or 'cam', or one of its classes: {', '.join(names)}."
        )
