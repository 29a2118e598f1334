"""Random crops of training images, as published (scaling, mirroring, a window of a canvas)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = -1
"""Where a target says nothing and the pseudo label decides."""


class Picture(NamedTuple):
    """An image, (H, W, 3) uint8, and what is known of its labels.

    The target is (H, W) int16: label ids, 255 to ignore, `UNKNOWN` where nothing is known.
    """

    image: NDArray[np.uint8]
    target: NDArray[np.int16]


@dataclass(frozen=True)
class RandomCrop:
    """Scales by a random factor, mirrors half of the time and cuts out a square.

    Attributes
    ----------
    side : int
        Of the square, in pixels. A shorter image is put at a random place of a black canvas,
        whose target is `padding`.
    scales : tuple of float
        The least and the greatest factor; new sizes are rounded down.
    flip : bool
        Whether to mirror.
    padding : int
        Target of the canvas around the image.
    """

    side: int
    scales: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    padding: int = UNKNOWN

    def __call__(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """Return a crop of (side, side)."""
        picture = self._scaled(picture, rng.uniform(*self.scales))
        if self.flip and rng.random() > 0.5:
            picture = mirrored(picture)
        picture = self._on_canvas(picture, rng)
        y, x = (int(rng.integers(0, n - self.side + 1)) for n in picture.target.shape)
        window = slice(y, y + self.side), slice(x, x + self.side)
        return Picture(picture.image[window], picture.target[window])

    def _scaled(self, picture: Picture, factor: float) -> Picture:
        height, width = picture.target.shape
        return resized(picture, (max(1, int(factor * height)), max(1, int(factor * width))))

    def _on_canvas(self, picture: Picture, rng: np.random.Generator) -> Picture:
        height, width = picture.target.shape
        size = max(self.side, height), max(self.side, width)
        if size == (height, width):
            return picture
        y, x = (int(rng.integers(0, n - m + 1)) for n, m in zip(size, (height, width), strict=True))
        place = slice(y, y + height), slice(x, x + width)
        image = np.zeros((*size, 3), np.uint8)
        target = np.full(size, self.padding, np.int16)
        image[place], target[place] = picture
        return Picture(image, target)


def mirrored(picture: Picture) -> Picture:
    """Return the picture seen in a mirror."""
    return Picture(picture.image[:, ::-1].copy(), picture.target[:, ::-1].copy())


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return the picture at another (height, width): bilinear, its target by nearest pixels."""
    if size == picture.target.shape:
        return picture
    image = Image.fromarray(picture.image).resize(size[::-1], Image.Resampling.BILINEAR)
    return Picture(np.asarray(image), nearest(picture.target, size))


def nearest(target: NDArray[np.int16], size: tuple[int, int]) -> NDArray[np.int16]:
    """Sample a target, (H, W), at the centres of (height, width) pixels."""
    rows, columns = (
        ((np.arange(n) + 0.5) * old / n).astype(int)
        for n, old in zip(size, target.shape, strict=True)
    )
    return target[np.ix_(rows, columns)]
