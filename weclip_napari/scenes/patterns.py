"""The texture that each drawn class carries, whatever its colours.

A pattern is a function of object coordinates measured in periods; it returns how much of
the first colour (1) or the second (0) a point shows. Classes are told apart locally by
these textures, as animals and materials are in photographs; an outline alone is seen only
by a model that looks at the whole object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]
    Pattern = Callable[[Array, Array], Array]

TAU = 2 * np.pi


def edge(value: Array, sharpness: float = 2.5) -> Array:
    """Soft threshold at zero, so that edges are not jagged."""
    soft: Array = np.clip(0.5 + sharpness * value, 0, 1).astype(np.float32)
    return soft


def _cell(value: Array) -> Array:
    """Signed distance to the middle of the unit cell, in [-0.5, 0.5]."""
    centred: Array = value - np.floor(value) - np.float32(0.5)
    return centred


def _plain(u: Array, v: Array) -> Array:
    return np.ones_like(u)


def _checks(u: Array, v: Array) -> Array:
    return edge(np.sin(np.pi * u) * np.sin(np.pi * v))


def _scales(u: Array, v: Array) -> Array:
    row = np.floor(v)
    x = _cell(u + 0.5 * (row % 2))
    return edge(np.hypot(x, _cell(v) + 0.5) - 0.42, 5)


def _chevrons(u: Array, v: Array) -> Array:
    return edge(np.sin(TAU * (u - np.abs(_cell(v / 2.4) * 2.4))))


def _stripes(u: Array, v: Array) -> Array:
    return edge(np.sin(TAU * v))


def _lattice(u: Array, v: Array) -> Array:
    return edge(np.minimum(np.abs(_cell(u)), np.abs(_cell(v))) - 0.12, 6)


def _dots(u: Array, v: Array) -> Array:
    return edge(np.hypot(_cell(u), _cell(v)) - 0.32, 5)


def _triangles(u: Array, v: Array) -> Array:
    x, y = u / 1.25, v / 1.25
    third = np.float32(np.sqrt(3) / 2)
    sides = np.sin(np.pi * x) * np.sin(np.pi * (x / 2 + third * y))
    return edge(sides * np.sin(np.pi * (x / 2 - third * y)), 4)


def _rings(u: Array, v: Array) -> Array:
    return edge(np.sin(TAU * np.hypot(u, v)))


def _rays(u: Array, v: Array) -> Array:
    return edge(np.sin(13 * np.arctan2(v, u)), 3)


def _donuts(u: Array, v: Array) -> Array:
    radius = np.hypot(_cell(u / 1.4), _cell(v / 1.4)) * 1.4
    return edge(np.abs(radius - 0.4) - 0.13, 6)


def _crosses(u: Array, v: Array) -> Array:
    x, y = np.abs(_cell(u / 1.3)), np.abs(_cell(v / 1.3))
    return edge(np.maximum(np.minimum(x, y) - 0.1, np.maximum(x, y) - 0.37), 6)


PATTERNS: dict[str, Pattern] = {
    "apple": _plain,
    "star": _checks,
    "fish": _scales,
    "leaf": _chevrons,
    "boat": _stripes,
    "car": _lattice,
    "mushroom": _dots,
    "cat": _triangles,
    "balloon": _rings,
    "flower": _rays,
    "butterfly": _donuts,
    "bottle": _crosses,
}
