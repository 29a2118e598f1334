"""Outlines of the drawn classes: polygons in object coordinates, x right, y down, about [-1, 1].

Each part has a role: ``body`` carries the class's own texture, ``trim`` the object's second
colour, ``dark`` and ``light`` are near black and near white details. The union of all parts
is the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Role = Literal["body", "trim", "dark", "light"]


@dataclass(frozen=True)
class Part:
    """One polygon of an outline.

    Attributes
    ----------
    points : ndarray of float64, shape (n, 2)
        Vertices (x, y) in object coordinates.
    role : {'body', 'trim', 'dark', 'light'}
        How the part is filled.
    """

    points: NDArray[np.float64]
    role: Role = "body"


def _polygon(*values: float, role: Role = "body") -> Part:
    return Part(np.asarray(values, dtype=np.float64).reshape(-1, 2), role)


def _ellipse(
    cx: float,
    cy: float,
    rx: float,
    ry: float,
    *,
    turn: float = 0.0,
    arc: tuple[float, float] = (0.0, 360.0),
    role: Role = "body",
) -> Part:
    angle = np.deg2rad(np.linspace(*arc, 28))
    x, y = rx * np.cos(angle), ry * np.sin(angle)
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    return Part(np.stack([cx + x * c - y * s, cy + x * s + y * c], axis=1), role)


def _star() -> Part:
    angle = np.arange(10) * np.pi / 5 - np.pi / 2
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.5)
    return Part(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))


def _lens() -> Part:
    x = np.linspace(-1, 0.85, 16)
    y = 0.52 * np.sin(np.linspace(0, np.pi, 16))
    return Part(np.concatenate([np.stack([x, -y], 1), np.stack([x[::-1], y[::-1]], 1)]))


def _petals() -> tuple[Part, ...]:
    angles = np.arange(6) * 60.0
    return tuple(
        _ellipse(
            0.58 * np.cos(np.deg2rad(a)), 0.58 * np.sin(np.deg2rad(a)), 0.44, 0.33, turn=float(a)
        )
        for a in angles
    )


OUTLINES: dict[str, tuple[Part, ...]] = {
    "apple": (
        _ellipse(-0.3, 0.15, 0.62, 0.78),
        _ellipse(0.3, 0.15, 0.62, 0.78),
        _polygon(-0.06, -0.45, 0.06, -0.45, 0.13, -0.98, 0.0, -0.98, role="dark"),
        _ellipse(0.36, -0.76, 0.28, 0.13, turn=-25, role="trim"),
    ),
    "star": (_star(),),
    "fish": (
        _ellipse(-0.17, 0, 0.78, 0.5),
        _polygon(0.4, 0, 1, -0.55, 0.86, 0, 1, 0.55),
        _polygon(-0.25, -0.42, 0.22, -0.8, 0.2, -0.38, role="trim"),
        _ellipse(-0.62, -0.12, 0.09, 0.09, role="light"),
        _ellipse(-0.63, -0.12, 0.045, 0.045, role="dark"),
    ),
    "leaf": (_lens(), _polygon(0.7, -0.05, 1.1, -0.05, 1.1, 0.05, 0.7, 0.05, role="dark")),
    "boat": (
        _polygon(-1, 0.15, 1, 0.15, 0.66, 0.8, -0.66, 0.8),
        _polygon(-0.05, -0.95, 0.05, -0.95, 0.05, 0.15, -0.05, 0.15, role="dark"),
        _polygon(0.1, -0.85, 0.75, 0.05, 0.1, 0.05),
        _polygon(-0.1, -0.6, -0.55, 0.05, -0.1, 0.05, role="light"),
    ),
    "car": (
        _polygon(
            -1, 0.08, -0.62, -0.02, -0.36, -0.5, 0.42, -0.5, 0.68, -0.02, 1, 0.1, 1, 0.5, -1, 0.5
        ),
        _polygon(-0.45, -0.06, -0.28, -0.4, 0.0, -0.4, 0.0, -0.06, role="light"),
        _ellipse(-0.55, 0.5, 0.23, 0.23, role="dark"),
        _ellipse(0.55, 0.5, 0.23, 0.23, role="dark"),
    ),
    "mushroom": (
        _polygon(-0.26, 0, 0.26, 0, 0.34, 0.92, -0.34, 0.92, role="light"),
        _ellipse(0, 0.12, 1, 0.98, arc=(180, 360)),
    ),
    "cat": (
        _polygon(-0.86, -0.95, -0.2, -0.6, -0.8, 0.0),
        _polygon(0.86, -0.95, 0.2, -0.6, 0.8, 0.0),
        _ellipse(0, 0.12, 0.88, 0.76),
        _ellipse(-0.34, -0.05, 0.13, 0.14, role="light"),
        _ellipse(0.34, -0.05, 0.13, 0.14, role="light"),
        _ellipse(-0.34, -0.05, 0.05, 0.11, role="dark"),
        _ellipse(0.34, -0.05, 0.05, 0.11, role="dark"),
        _polygon(-0.11, 0.27, 0.11, 0.27, 0, 0.42, role="trim"),
    ),
    "balloon": (
        _ellipse(0, -0.26, 0.66, 0.74),
        _polygon(-0.13, 0.58, 0.13, 0.58, 0, 0.42, role="trim"),
        _polygon(-0.04, 0.56, 0.04, 0.56, 0.08, 1, 0.0, 1, role="dark"),
    ),
    "flower": (*_petals(), _ellipse(0, 0, 0.26, 0.26, role="trim")),
    "butterfly": (
        _ellipse(-0.5, -0.36, 0.56, 0.44, turn=35),
        _ellipse(0.5, -0.36, 0.56, 0.44, turn=-35),
        _ellipse(-0.42, 0.42, 0.43, 0.36, turn=-40),
        _ellipse(0.42, 0.42, 0.43, 0.36, turn=40),
        _ellipse(0, 0, 0.09, 0.7, role="dark"),
    ),
    "bottle": (
        _polygon(
            -0.15, -1, 0.15, -1, 0.17, -0.5, 0.46, -0.2, 0.46, 1, -0.46, 1, -0.46, -0.2, -0.17, -0.5
        ),
        _polygon(-0.18, -1, 0.18, -1, 0.18, -0.84, -0.18, -0.84, role="dark"),
    ),
}

CLASSES: tuple[str, ...] = tuple(OUTLINES)
