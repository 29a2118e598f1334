"""What a frozen backbone says about every patch of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from weclip_napari.core.network_input import network_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.core.config import WeclipConfig
    from weclip_napari.core.model import WeclipModel


class PatchFeatures(Protocol):
    """A frozen backbone.

    Attributes
    ----------
    patch : int
        Side of a patch in pixels of its input.
    long_side : int
        Longer side in pixels at which it sees images.
    size : tuple of int
        Width of its tokens and number of its blocks.
    fingerprint : str
        Short hash of its weights.
    """

    patch: int
    long_side: int
    size: tuple[int, int]
    fingerprint: str

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the last block says of an image (H, W, 3): (h, w, C) patch tokens."""
        ...


class ClipFeatures:
    """Patch tokens of a CLIP's last block, before any norm, as the decoder reads tokens.

    Parameters
    ----------
    model : WeclipModel
        Its decoder is not used.
    config : WeclipConfig
        How large the images are shown to it.
    """

    def __init__(self, model: WeclipModel, config: WeclipConfig) -> None:
        self.patch = model.backbone.patch
        self.long_side = config.input_long_side
        self.size = (model.backbone.width, model.backbone.depth)
        self.fingerprint = model.backbone.fingerprint
        self._backbone, self._config = model.backbone, config

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the tokens (h, w, C) of an image (H, W, 3), uint8."""
        pixels = network_input(self._backbone, image, self._config)
        features = self._backbone.encode(pixels, attention=False)
        last = self._backbone.depth
        tokens = self._backbone.tapped_tokens(features, (last, last))[0, 0]
        array: NDArray[np.float32] = tokens.reshape(*features.grid, -1).cpu().numpy()
        return array
