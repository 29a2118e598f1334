"""What scenes can be made of: the domain that the embedded model knows, and one that it does not.

The shifted domain has other backgrounds, none of which the model or its background words know,
and one class more. It stands for what an annotator meets: images somewhat unlike those that a
model was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.scenes.backgrounds import TEXTURES, grid, hsv, noise, plain
from weclip_napari.scenes.outlines import OUTLINES, Part
from weclip_napari.scenes.patterns import PATTERNS, TAU, edge

if TYPE_CHECKING:
    from weclip_napari.scenes.backgrounds import Array, Texture
    from weclip_napari.scenes.patterns import Pattern


@dataclass(frozen=True)
class Domain:
    """What scenes are made of.

    Attributes
    ----------
    outlines, patterns
        Of each class, in the order of the label ids.
    textures
        Backgrounds by name.
    tops, bottoms, whole
        Which of them lie above the horizon, below it, or fill the image.
    """

    outlines: dict[str, tuple[Part, ...]]
    patterns: dict[str, Pattern]
    textures: dict[str, Texture]
    tops: tuple[str, ...]
    bottoms: tuple[str, ...]
    whole: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes by label id."""
        return tuple(self.outlines)


def _heart() -> Part:
    t = np.linspace(0, TAU, 40)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return Part(np.stack([x / 17, -(y + 2.5) / 15], axis=1))


def _waves(u: Array, v: Array) -> Array:
    return edge(np.sin(TAU * (v + 0.35 * np.sin(np.pi * u))))


def _snow(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    drift = 1 - 0.08 * np.abs(noise(rng, height, width, 30 * unit))
    image = plain(height, width, hsv(rng.uniform(0.5, 0.65), 0.06, 0.95)) * drift[..., None]
    specks = rng.random((height, width)) < 0.004
    image[specks] = 180
    return image


def _sand(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    y, x = grid(height, width)
    bend = 4 * noise(rng, height, width, 45 * unit)
    ripple = np.sin(TAU * (y + 0.4 * x) / (rng.uniform(9, 15) * unit) + bend)
    colour = hsv(rng.uniform(0.09, 0.13), rng.uniform(0.35, 0.55), rng.uniform(0.7, 0.9))
    return plain(height, width, colour) * (1 + 0.1 * ripple)[..., None]


def _planks(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    y, x = grid(height, width)
    board = rng.uniform(22, 36) * unit
    rings = np.sin(x / (11 * unit) + 2.5 * noise(rng, height, width, 26 * unit) + 0.25 * y / unit)
    shade = rng.uniform(0.85, 1.1, int(height / board) + 1)[(y / board).astype(int)]
    colour = hsv(rng.uniform(0.06, 0.1), rng.uniform(0.45, 0.65), rng.uniform(0.4, 0.65))
    image: Array = plain(height, width, colour) * (shade * (1 + 0.08 * rings))[..., None]
    image[(y % board) < 1.5 * unit] *= 0.5
    return image


def _plaid(rng: np.random.Generator, height: int, width: int, unit: float) -> Array:
    y, x = grid(height, width)
    pitch = rng.uniform(20, 34) * unit
    hue = rng.random()
    image = plain(height, width, hsv(hue, 0.5, 0.6)).copy()
    for place, share in ((x, 0.45), (y, 0.45), (x + pitch / 2, 0.08), (y + pitch / 2, 0.08)):
        band = ((place % pitch) < share * pitch)[..., None]
        image = np.where(band, 0.65 * image + 0.35 * hsv(hue + 0.4, 0.4, 0.9), image)
    return image.astype(np.float32)


DRAWN = Domain(
    OUTLINES,
    PATTERNS,
    TEXTURES,
    tops=("sky", "cloud", "mountain", "wall", "building", "tree"),
    bottoms=("grass", "water", "road", "ground", "railway"),
    whole=("wall", "grass", "ground", "water", "sky", "cloud", "tree", "building"),
)
"""What the embedded model was trained on."""

SHIFTED = Domain(
    {**OUTLINES, "heart": (_heart(),)},
    {**PATTERNS, "heart": _waves},
    {"snow": _snow, "sand": _sand, "planks": _planks, "plaid": _plaid},
    tops=("planks", "plaid", "snow"),
    bottoms=("sand", "snow", "planks"),
    whole=("snow", "sand", "planks", "plaid"),
)
"""Other backgrounds, and hearts."""

DOMAINS = {"drawn": DRAWN, "shifted": SHIFTED}
