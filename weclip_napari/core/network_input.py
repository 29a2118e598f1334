"""From an image to the sizes and pixels that the model works on; the same in training and use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from weclip_napari.core.postprocess import long_side_size
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.backbone import FrozenClip
    from weclip_napari.core.config import WeclipConfig

VERSION = 1
"""Of what happens between an image and its features; a change that alters them raises it."""


def network_input(backbone: FrozenClip, image: NDArray[np.uint8], config: WeclipConfig) -> Tensor:
    """Resize an image to the configured long side and normalise it.

    The short side is kept at one patch at least. With ``antialias`` in the configuration, whole
    blocks of pixels of an image at least twice as large are averaged first.

    Parameters
    ----------
    backbone : FrozenClip
        Knows the patch size and the pixels' mean and deviation.
    image : ndarray of uint8
        (H, W, 3), RGB.
    config : WeclipConfig
        The model's.

    Returns
    -------
    Tensor
        (1, 3, H', W') float32.

    Raises
    ------
    UserError
        If a side is shorter than one patch.
    """
    height, width = image.shape[:2]
    patch, long_side = backbone.patch, config.input_long_side
    if min(height, width) < patch:
        raise UserError(
            f"The image has {height} x {width} pixels, but one patch of the model has "
            f"{patch} x {patch}. Use a larger image."
        )
    factor = max(height, width) // long_side
    if config.antialias and factor > 1:
        image = np.asarray(Image.fromarray(image).reduce(factor))
    return backbone.preprocess(image, input_size(height, width, long_side, patch))


def canvas_of(
    backbone: FrozenClip, image: NDArray[np.uint8], config: WeclipConfig
) -> NDArray[np.uint8]:
    """Return the image, (H', W', 3), at the size at which masks are refined.

    That is its own size, at most ``par_long_side``; the short side is kept at one patch at least.
    """
    height, width = image.shape[:2]
    long_side = config.par_long_side
    if max(height, width) <= long_side:
        return image.copy()
    size = input_size(height, width, long_side, backbone.patch)[::-1]
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=3)
    return np.asarray(resized)


def input_size(height: int, width: int, long_side: int, shortest: int) -> tuple[int, int]:
    """Return the size of an image of a given long side, no side shorter than `shortest`."""
    rows, columns = long_side_size(height, width, long_side)
    return max(rows, shortest), max(columns, shortest)
