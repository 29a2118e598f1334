"""Pictures that lay a CAM or a mask over its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from weclip_napari.session.masks import BACKGROUND, IGNORE, voc_palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_SIDE = 1600
"""Overlays of larger images are made smaller: they are looked at, not measured."""
_STOPS = np.linspace(0, 1, 5)
_COLOURS = np.array([[13, 8, 60], [110, 20, 130], [200, 60, 100], [250, 150, 50], [250, 250, 140]])


def cam_overlay(image: NDArray[np.uint8], cam: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour an image by a CAM, dark violet (0) to yellow (1).

    Parameters
    ----------
    image
        RGB, (H, W, 3), uint8.
    cam
        (h, w) in [0, 1], on any grid; it is enlarged bilinearly.

    Returns
    -------
    ndarray of uint8, shape (H', W', 3)
        At most `LONGEST_SIDE` pixels a side.
    """
    base = _shrink(image)
    heat = np.asarray(
        Image.fromarray(np.asarray(cam, np.float32)).resize(base.size, Image.Resampling.BILINEAR)
    )
    colours = np.stack([np.interp(heat, _STOPS, channel) for channel in _COLOURS.T], axis=-1)
    return np.rint(0.45 * np.asarray(base) + 0.55 * colours).astype(np.uint8)


def mask_overlay(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tint the labelled pixels of an image in the colours of the palette.

    Parameters
    ----------
    image, mask
        (H, W, 3) and (H, W), uint8; 0 and 255 in the mask stay untinted.
    """
    base = _shrink(image)
    labels = np.asarray(Image.fromarray(mask).resize(base.size, Image.Resampling.NEAREST))
    pixels = np.array(base)
    shown = (labels != BACKGROUND) & (labels != IGNORE)
    tint = voc_palette()[labels[shown]]
    pixels[shown] = np.rint(0.35 * pixels[shown] + 0.65 * tint).astype(np.uint8)
    return pixels


def mask_picture(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paint a mask in the colours of the palette over a pale grey image, to compare masks by.

    Parameters
    ----------
    image, mask
        (H, W, 3) and (H, W), uint8; where the mask is 255 the picture is white.

    Returns
    -------
    ndarray of uint8, shape (H', W', 3)
        At most `LONGEST_SIDE` pixels a side.
    """
    base = _shrink(image)
    labels = np.asarray(Image.fromarray(mask).resize(base.size, Image.Resampling.NEAREST))
    grey = np.asarray(base.convert("L"), np.float32)[..., None]
    painted = 0.2 * grey + 0.8 * voc_palette()[labels]
    picture = np.where((labels == BACKGROUND)[..., None], 205 + 0.17 * grey, painted)
    picture[labels == IGNORE] = 255
    return np.rint(picture).astype(np.uint8)


def _shrink(image: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(image)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)
    return picture
