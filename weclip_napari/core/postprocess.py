"""From decoder logits to a label map: test-time scales and flips, resizing, dense CRF."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor


def long_side_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the size of an image whose long side is scaled to `long_side` pixels."""
    ratio = long_side / max(height, width)
    return int(height * ratio), int(width * ratio)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (b, c, h, w) bilinearly, with half-pixel centres and without antialiasing."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def multi_scale_logits(
    decode: Callable[[Tensor], Tensor],
    pixels: Tensor,
    grid: tuple[int, int],
    scales: Sequence[float] = (1.0, 0.75),
    *,
    flip: bool = True,
) -> Tensor:
    """Average the decoder's logits over test-time scales and mirror images (supplement, table 5).

    Parameters
    ----------
    decode : callable
        Normalised pixels (b, 3, H', W') -> logits (b, c, h', w') on their patch grid. At scale
        1 it is given `pixels` itself, so that a cached result can be recognised.
    pixels : Tensor
        (b, 3, H, W).
    grid : tuple of int
        Patch grid of `pixels`; all logits are resized to it before they are averaged.
    scales : sequence of float
        Relative image sizes.
    flip : bool
        Whether every scale is decoded mirrored as well.

    Returns
    -------
    Tensor
        (b, c, *grid).
    """
    per_scale = []
    for scale in scales:
        view = pixels if scale == 1 else _rescale(pixels, scale)
        logits = [resize(decode(view), grid)]
        if flip:
            logits.append(resize(decode(view.flip(-1)).flip(-1), grid))
        per_scale.append(_mean(logits))
    return _mean(per_scale)


def _rescale(pixels: Tensor, scale: float) -> Tensor:
    return F.interpolate(pixels, scale_factor=scale, mode="bilinear", align_corners=False)


def _mean(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean(dim=0)


def has_crf() -> bool:
    """Whether the optional package for a dense CRF is installed."""
    return importlib.util.find_spec("pydensecrf") is not None


def require_crf() -> None:
    """Make sure that a dense CRF can be computed.

    Raises
    ------
    UserError
        If the optional package is not installed.
    """
    if not has_crf():
        raise UserError("The dense CRF needs an optional package: pip install weclip-napari[crf]")


def dense_crf(
    image: NDArray[np.uint8], probabilities: NDArray[np.float32], iterations: int = 10
) -> NDArray[np.float32]:
    """Sharpen class probabilities along the image's edges with a dense CRF.

    Parameters
    ----------
    image : ndarray of uint8
        (H, W, 3), RGB.
    probabilities : ndarray of float32
        (classes, H, W), summing to one over the classes.
    iterations : int
        Mean-field steps.

    Returns
    -------
    ndarray of float32
        (classes, H, W).

    Raises
    ------
    UserError
        If the optional package is not installed.
    """
    require_crf()
    from pydensecrf.densecrf import DenseCRF2D

    classes, height, width = probabilities.shape
    crf = DenseCRF2D(width, height, classes)
    unary = -np.log(np.clip(probabilities, 1e-12, 1)).reshape(classes, -1)
    crf.setUnaryEnergy(np.ascontiguousarray(unary, dtype=np.float32))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=64, srgb=5, rgbim=np.ascontiguousarray(image), compat=4)
    return np.asarray(crf.inference(iterations), dtype=np.float32).reshape(classes, height, width)
