"""Background textures, named after words of the supplement's background set (section 4)."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]
    Texture = Callable[[np.random.Generator, int, int, float], Array]


def hsv(hue: float, saturation: float, value: float) -> Array:
    """Return an RGB colour in [0, 255], shape (3,), from hue (wrapped), saturation and value."""
    rgb = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return np.asarray(rgb, dtype=np.float32) * 255


def noise(rng: np.random.Generator, height: int, width: int, cell: float) -> Array:
    """Return smooth noise of unit variance whose blobs are about ``cell`` pixels wide."""
    shape = (max(2, round(height / cell) + 1), max(2, round(width / cell) + 1))
    coarse = Image.fromarray(rng.standard_normal(shape).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def _ramp(height: int, width: int, top: Array, bottom: Array) -> Array:
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top * (1 - t) + bottom * t, (height, width, 3)).copy()


def plain(height: int, width: int, colour: Array) -> Array:
    """Return one colour all over, (height, width, 3) float32."""
    return np.broadcast_to(colour, (height, width, 3)).astype(np.float32)


def grid(height: int, width: int) -> tuple[Array, Array]:
    """Return the rows and columns of all pixels, (height, width) float32."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return y, x


def _sky(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    hue = rng.uniform(0.52, 0.64) if rng.random() < 0.8 else rng.uniform(0.03, 0.1)
    top = hsv(hue, rng.uniform(0.4, 0.8), rng.uniform(0.6, 0.95))
    return _ramp(height, width, top, hsv(hue, rng.uniform(0.1, 0.4), rng.uniform(0.8, 1)))


def _cloud(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    hue = rng.uniform(0.5, 0.65)
    image = _ramp(height, width, hsv(hue, 0.5, 0.8), hsv(hue, 0.2, 0.9))
    blobs = noise(rng, height, width, 40 * unit) + 0.5 * noise(rng, height, width, 17 * unit)
    alpha = np.clip((blobs - 0.05) * 1.6, 0, 1)[..., None]
    return image * (1 - alpha) + rng.uniform(225, 255) * alpha


def _grass(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    colour = hsv(rng.uniform(0.22, 0.38), rng.uniform(0.45, 0.85), rng.uniform(0.35, 0.7))
    blades = rng.standard_normal((max(2, round(height / (7 * unit))), width)).astype(np.float32)
    stretched = Image.fromarray(blades).resize((width, height), Image.Resampling.BICUBIC)
    shade = 1 + 0.12 * noise(rng, height, width, 20 * unit) + 0.22 * np.asarray(stretched)
    return plain(height, width, colour) * shade[..., None]


def _water(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    hue = rng.uniform(0.48, 0.62)
    image = _ramp(height, width, hsv(hue, 0.6, 0.75), hsv(hue, 0.75, 0.4))
    y, _ = grid(height, width)
    phase = 2 * np.pi * y / (rng.uniform(5, 9) * unit) + 1.6 * noise(rng, height, width, 18 * unit)
    return image * (1 + 0.2 * np.sin(phase))[..., None]


def _wall(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    hue = rng.uniform(0, 1) if rng.random() < 0.3 else rng.uniform(0, 0.09)
    brick = hsv(hue, rng.uniform(0.2, 0.7), rng.uniform(0.45, 0.85))
    mortar = hsv(rng.uniform(0, 1), 0.08, rng.uniform(0.6, 0.9))
    y, x = grid(height, width)
    rise = rng.uniform(10, 18) * unit
    run = rise * rng.uniform(1.7, 2.4)
    row = np.floor(y / rise)
    column = np.floor(x / run + 0.5 * (row % 2))
    inside = ((y % rise) > 1.8 * unit) & (((x + 0.5 * run * (row % 2)) % run) > 1.8 * unit)
    shades = rng.uniform(0.85, 1.12, (int(row.max()) + 1, int(column.max()) + 1))
    shade = shades[row.astype(int), column.astype(int)][..., None]
    return np.where(inside[..., None], brick * shade, mortar).astype(np.float32)


def _ground(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    colour = hsv(rng.uniform(0.05, 0.13), rng.uniform(0.25, 0.6), rng.uniform(0.35, 0.75))
    shade = (
        1 + 0.14 * noise(rng, height, width, 12 * unit) + 0.16 * noise(rng, height, width, 3 * unit)
    )
    return plain(height, width, colour) * shade[..., None]


def _road(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    image = plain(height, width, np.full(3, rng.uniform(60, 130), np.float32))
    image = image * (1 + 0.1 * rng.standard_normal((height, width, 1)).astype(np.float32))
    y, x = grid(height, width)
    dash = rng.uniform(18, 40) * unit
    line = (np.abs(y - height * rng.uniform(0.35, 0.65)) < 2.2 * unit) & ((x % (1.8 * dash)) < dash)
    image[line] = (235, 235, 235) if rng.random() < 0.6 else (235, 200, 60)
    return image


def _mountain(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    image = _sky(rng, height, width, unit)
    y, x = grid(height, width)
    for _ in range(3):
        peak, top = rng.uniform(0, width), height * rng.uniform(0.05, 0.45)
        slope = (height - top) / (width * rng.uniform(0.3, 0.6))
        rise = y - top - slope * np.abs(x - peak)
        rock = hsv(rng.uniform(0.55, 0.75), rng.uniform(0.1, 0.3), rng.uniform(0.3, 0.6))
        image[rise > 0] = rock
        image[(rise > 0) & (x > peak)] = rock * 0.72
        snow = (rise > 0) & (y < top + (height - top) * 0.2 + 3 * unit * np.sin(x / (4 * unit)))
        image[snow] = 245
    return image


def _building(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    image = plain(height, width, hsv(rng.uniform(0, 1), rng.uniform(0.05, 0.3), 0.65)).copy()
    pane = hsv(0.6, 0.4, 0.25) if rng.random() < 0.6 else hsv(0.13, 0.5, 0.95)
    y, x = grid(height, width)
    pitch = rng.uniform(15, 26) * unit
    window = ((y % pitch) > 0.38 * pitch) & ((x % pitch) > 0.5 * pitch)
    image[window] = pane
    return image


def _tree(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    colour = hsv(rng.uniform(0.25, 0.4), rng.uniform(0.5, 0.8), rng.uniform(0.3, 0.5))
    clumps = noise(rng, height, width, 9 * unit) + 0.7 * noise(rng, height, width, 4 * unit)
    steps = np.round(clumps * 1.5) / 1.5
    return plain(height, width, colour) * (1 + 0.35 * steps)[..., None]


def _railway(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    gravel = 1 + 0.2 * rng.standard_normal((height, width, 1)).astype(np.float32)
    image = plain(height, width, hsv(0.08, 0.2, rng.uniform(0.4, 0.6))) * gravel
    y, x = grid(height, width)
    pitch = rng.uniform(12, 22) * unit
    image[((x % pitch) < pitch / 3) & (y > 0.2 * height) & (y < 0.8 * height)] = hsv(
        0.07, 0.5, 0.28
    )
    for rail in (0.32, 0.68):
        image[np.abs(y - rail * height) < 2 * unit] = (190, 190, 200)
    return image


TEXTURES: dict[str, Texture] = {
    "sky": _sky,
    "cloud": _cloud,
    "grass": _grass,
    "water": _water,
    "wall": _wall,
    "ground": _ground,
    "road": _road,
    "mountain": _mountain,
    "building": _building,
    "tree": _tree,
    "railway": _railway,
}

BACKGROUNDS: tuple[str, ...] = tuple(TEXTURES)

BACKGROUND_WORDS: dict[str, tuple[str, ...]] = {
    "sky": ("sky",),
    "cloud": ("cloud",),
    "grass": ("grass", "valley"),
    "water": ("water", "lake", "river", "sea", "ocean"),
    "wall": ("wall",),
    "ground": ("ground", "land"),
    "road": ("road", "street"),
    "mountain": ("mountain", "rock"),
    "building": ("building", "house"),
    "tree": ("tree",),
    "railway": ("railway", "railroad"),
}
"""Each texture and the words of the supplement's background set that describe it."""
