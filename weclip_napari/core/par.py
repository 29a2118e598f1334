"""Pixel-adaptive refinement (PAR): masks drawn to the image's edges by a fixed local diffusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

_Pair = tuple[Tensor, Tensor]

_DILATIONS = (1, 2, 4, 8, 12, 24)
_MARGIN = max(_DILATIONS)
_OFFSETS = tuple(
    (dy * d, dx * d) for d in _DILATIONS for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx
)
_BAND_ROWS = 96
_SHARPNESS = 0.3  # w1
_POSITION_SHARE = 0.01  # w2


class PixelAdaptiveRefinement:
    """The diffusion on one image; its 48 weights a pixel depend on the image alone.

    Parameters
    ----------
    image : Tensor
        (1, 3, H', W') float; any affine scaling of a channel gives the same weights.
    size : tuple of int
        (H, W) of the masks; the image is resized to it with aligned corners.
    """

    @torch.no_grad()
    def __init__(self, image: Tensor, size: tuple[int, int]) -> None:
        if size != image.shape[-2:]:
            image = F.interpolate(image, size=size, mode="bilinear", align_corners=True)
        self.size = size
        self._weights = _weights(image[0])

    @torch.no_grad()
    def __call__(self, masks: Tensor, iterations: int = 20) -> Tensor:
        """Diffuse masks.

        Parameters
        ----------
        masks : Tensor
            (C, H, W) float32.
        iterations : int
            Steps; each scales the masks by 1.01 in all, which an argmax does not see.

        Returns
        -------
        Tensor
            (C, H, W).
        """
        masks = masks.clone()
        height, width = self.size
        padded = masks.new_empty(len(masks), height + 2 * _MARGIN, width + 2 * _MARGIN)
        bands = list(self._bands(masks, padded))
        for _ in range(iterations):
            _pad_into(padded, masks)
            for band, pairs in bands:
                band.zero_()
                for weight, neighbour in pairs:
                    band.addcmul_(weight, neighbour)
        return masks

    def _bands(self, masks: Tensor, padded: Tensor) -> Iterator[tuple[Tensor, list[_Pair]]]:
        """Cut the masks into bands of rows that stay in the processor's cache; all are views."""
        neighbours = _neighbours(padded)
        for first in range(0, self.size[0], _BAND_ROWS):
            rows = slice(first, first + _BAND_ROWS)
            pairs = [(w[rows], n[:, rows]) for w, n in zip(self._weights, neighbours, strict=True)]
            yield masks[:, rows], pairs


def _pad_into(padded: Tensor, x: Tensor) -> None:
    """Copy (C, H, W) into the middle of a buffer and repeat its edges around it."""
    inner = slice(_MARGIN, -_MARGIN)
    padded[:, inner, inner] = x
    padded[:, :_MARGIN, inner] = x[:, :1]
    padded[:, -_MARGIN:, inner] = x[:, -1:]
    padded[:, :, :_MARGIN] = padded[:, :, _MARGIN : _MARGIN + 1]
    padded[:, :, -_MARGIN:] = padded[:, :, -_MARGIN - 1 : -_MARGIN]


def _neighbours(padded: Tensor) -> list[Tensor]:
    """Return the 48 neighbours of all pixels as views, (C, H, W), of a padded image."""
    height, width = padded.shape[-2] - 2 * _MARGIN, padded.shape[-1] - 2 * _MARGIN
    return [
        padded[:, _MARGIN + dy : _MARGIN + dy + height, _MARGIN + dx : _MARGIN + dx + width]
        for dy, dx in _OFFSETS
    ]


def _weights(image: Tensor) -> Tensor:
    """Return (48, H, W): likeness of colours plus a little nearness."""
    neighbours = _neighbours(F.pad(image[None], [_MARGIN] * 4, mode="replicate")[0])
    logits = image.new_zeros(len(_OFFSETS), *image.shape[1:])
    differences = torch.empty_like(logits)  # one buffer: fresh memory costs more than the sums
    for channel, centre in enumerate(image):
        for neighbour, difference in zip(neighbours, differences, strict=True):
            torch.sub(neighbour[channel], centre, out=difference)
        scale = 1 / ((_deviation(differences) + 1e-8) * _SHARPNESS)
        logits.addcmul_(differences.mul_(scale), differences, value=-1 / len(image))
    weights = logits.sub_(logits.amax(dim=0)).exp_()  # a softmax in place
    return weights.div_(weights.sum(dim=0)).add_(_position_weights().to(image)[:, None, None])


def _deviation(values: Tensor) -> Tensor:
    """Return the sample standard deviation over the first axis, without another full copy."""
    mean = values.mean(dim=0)
    variance = torch.zeros_like(mean)
    for value in values:
        variance += (value - mean).square_()
    return variance.div_(len(values) - 1).sqrt_()


def _position_weights() -> Tensor:
    distances = torch.tensor([float(dy**2 + dx**2) ** 0.5 for dy, dx in _OFFSETS])
    logits = -((distances / (distances.std() + 1e-8) / _SHARPNESS) ** 2)
    return _POSITION_SHARE * torch.softmax(logits, dim=0)
