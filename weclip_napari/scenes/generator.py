"""Scenes of textured objects on textured backgrounds, with their masks and captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from weclip_napari.scenes.backgrounds import hsv
from weclip_napari.scenes.domains import DRAWN, Domain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]

REFERENCE_SIDE = 192
"""Short side in pixels at which details (bricks, blades, lines) have their nominal width."""
IGNORE = 255
_MIN_VISIBLE = 0.004
_SUPERSAMPLING = 3


@dataclass(frozen=True)
class Scene:
    """A drawn image and all that is known of it.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB in [0, 255].
    mask : ndarray of uint8, shape (H, W)
        0 background, i + 1 for class i of the domain, 255 for objects too hidden to be tagged.
    tags : tuple of str
        Classes visible in the image, in the order of the label ids.
    backgrounds : tuple of str
        Textures behind the objects, top first.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    tags: tuple[str, ...]
    backgrounds: tuple[str, ...]


class SceneGenerator:
    """Draw scenes from a seed.

    Parameters
    ----------
    seed : int
        The same seed and size give the same scenes in the same order.
    size : int or tuple of int
        Side of a square, or (height, width), in pixels; at least 32.
    domain : Domain
        What the scenes are made of.

    Raises
    ------
    ValueError
        If a side is under 32 pixels.
    """

    def __init__(
        self, seed: int, size: int | tuple[int, int] = REFERENCE_SIDE, domain: Domain = DRAWN
    ) -> None:
        self.domain = domain
        self.height, self.width = (size, size) if isinstance(size, int) else size
        if min(self.height, self.width) < 32:
            raise ValueError(f"a scene needs sides of at least 32 pixels, not {size}")
        self._rng = np.random.default_rng(seed)
        self._side = min(self.height, self.width)

    def scene(self, objects: int | None = None) -> Scene:
        """Draw a scene of 1 to 4 objects (one in ten: a close-up)."""
        rng = self._rng
        if objects is None and rng.random() < 0.1:
            return self.close_up()
        count = objects or int(rng.choice([1, 2, 3, 4], p=[0.35, 0.35, 0.2, 0.1]))
        canvas, backgrounds = self._background()
        mask = np.zeros((self.height, self.width), np.uint8)
        placed: list[tuple[float, float, float]] = []
        for label in rng.choice(len(self.domain.classes), count, replace=bool(rng.random() < 0.15)):
            spot = self._spot(placed, *((0.14, 0.36) if count <= 2 else (0.12, 0.26)))
            placed.append(spot)
            self._draw(canvas, mask, int(label), *spot)
        return self._finish(canvas, mask, backgrounds)

    def close_up(self, label: int | None = None) -> Scene:
        """Draw one object that fills most of the frame or more."""
        rng = self._rng
        label = int(rng.integers(len(self.domain.classes))) if label is None else label
        canvas, backgrounds = self._background()
        mask = np.zeros((self.height, self.width), np.uint8)
        cx, cy = rng.uniform(0.36, 0.64, 2) * (self.width, self.height)
        self._draw(canvas, mask, label, cx, cy, self._side * rng.uniform(0.34, 0.62))
        return self._finish(canvas, mask, backgrounds)

    def _spot(
        self, placed: list[tuple[float, float, float]], low: float, high: float
    ) -> tuple[float, float, float]:
        """Centre and radius of a new object, away from the others if eight tries find room."""
        radius = self._side * self._rng.uniform(low, high)
        for _ in range(8):
            cx = self._rng.uniform(radius * 0.7, self.width - radius * 0.7)
            cy = self._rng.uniform(radius * 0.7, self.height - radius * 0.7)
            if all(np.hypot(cx - x, cy - y) > 0.75 * (radius + r) for x, y, r in placed):
                break
        return cx, cy, radius

    def _background(self) -> tuple[Array, tuple[str, ...]]:
        rng, unit = self._rng, self._side / REFERENCE_SIDE
        tops, bottoms, whole = self.domain.tops, self.domain.bottoms, self.domain.whole
        if rng.random() < 0.4:
            name = whole[rng.integers(len(whole))]
            return self._texture(name, self.height, unit), (name,)
        top, bottom = tops[rng.integers(len(tops))], bottoms[rng.integers(len(bottoms))]
        horizon = int(self.height * rng.uniform(0.4, 0.62))
        parts = [
            self._texture(top, horizon, unit),
            self._texture(bottom, self.height - horizon, unit),
        ]
        return np.concatenate(parts), (top, bottom)

    def _texture(self, name: str, height: int, unit: float) -> Array:
        texture = self.domain.textures[name](self._rng, height, self.width, unit)
        tint = self._rng.uniform(0.85, 1.15) + self._rng.uniform(-0.05, 0.05, 3)
        return np.clip(texture * tint.astype(np.float32), 0, 255)

    def _draw(
        self,
        canvas: Array,
        mask: NDArray[np.uint8],
        label: int,
        cx: float,
        cy: float,
        radius: float,
    ) -> None:
        """Paint an object of class ``label`` over canvas and mask, in place."""
        rng = self._rng
        turn = rng.normal(0, 30) if rng.random() < 0.7 else rng.uniform(0, 360)
        angle, aspect = np.deg2rad(turn), rng.uniform(0.85, 1.18)
        flip = -1 if rng.random() < 0.5 else 1
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        to_image = rotation @ np.diag([radius * aspect * flip, radius / aspect])
        reach = 1.5 * radius
        x0, x1 = (int(np.clip(v, 0, self.width)) for v in (cx - reach, cx + reach + 1))
        y0, y1 = (int(np.clip(v, 0, self.height)) for v in (cy - reach, cy + reach + 1))
        offset = np.array([cx - x0, cy - y0])
        y, x = np.mgrid[: y1 - y0, : x1 - x0]
        points = np.stack([x - offset[0], y - offset[1]], axis=-1) @ np.linalg.inv(to_image).T
        fills = self._fills(label, points.astype(np.float32), radius)
        window, labels = canvas[y0:y1, x0:x1], mask[y0:y1, x0:x1]
        for part in self.domain.outlines[self.domain.classes[label]]:
            alpha = _coverage(part.points @ to_image.T + offset, labels.shape)
            window += alpha[..., None] * (fills[part.role] - window)
            labels[alpha > 0.5] = label + 1

    def _fills(self, label: int, points: Array, radius: float) -> dict[str, Array]:
        """Colour fields of the four roles; ``points`` are object coordinates of the pixels."""
        rng = self._rng
        first, second = self._two_colours()
        period = max(0.24, 6.5 * self._side / REFERENCE_SIDE / radius) * rng.uniform(0.9, 1.25)
        shown = self.domain.patterns[self.domain.classes[label]](
            points[..., 0] / period, points[..., 1] / period
        )
        body = second + shown[..., None] * (first - second)
        shade = 1 + points @ rng.uniform(-0.2, 0.2, 2).astype(np.float32)
        return {
            "body": body * shade[..., None],
            "trim": second * shade[..., None],
            "dark": np.full(1, rng.uniform(0, 45)),
            "light": np.full(1, rng.uniform(225, 255)),
        }

    def _two_colours(self) -> tuple[Array, Array]:
        """Two colours of any hue whose brightness differs enough for the texture to be seen."""
        rng = self._rng
        hue = rng.random()
        saturation = rng.uniform(0.3, 1) if rng.random() < 0.9 else 0.0
        bright = hsv(hue, saturation * rng.uniform(0.4, 1), rng.uniform(0.8, 1))
        dark = hsv(hue + rng.uniform(-0.3, 0.3), saturation, rng.uniform(0.2, 0.45))
        return (bright, dark) if rng.random() < 0.5 else (dark, bright)

    def _finish(
        self, canvas: Array, mask: NDArray[np.uint8], backgrounds: tuple[str, ...]
    ) -> Scene:
        """Add sensor noise; tag what is visible, ignore what is not."""
        rng, classes = self._rng, self.domain.classes
        noise = rng.standard_normal((*canvas.shape[:2], 1)) * rng.uniform(0, 7)
        image = np.clip(canvas + noise, 0, 255).astype(np.uint8)
        areas = np.bincount(mask.ravel(), minlength=len(classes) + 1)[1:]
        seen = areas > _MIN_VISIBLE * mask.size
        hidden = np.concatenate([[False], ~seen])[mask]
        mask[hidden] = IGNORE
        tags = tuple(name for name, visible in zip(classes, seen, strict=True) if visible)
        return Scene(image, mask, tags, backgrounds)


def _coverage(points: NDArray[np.float64], shape: tuple[int, ...]) -> Array:
    """Share of each pixel inside a polygon, float32 in [0, 1]; points are (x, y) pixel centres."""
    k = _SUPERSAMPLING
    fine = Image.new("L", (shape[1] * k, shape[0] * k))
    scaled = (points + 0.5) * k - 0.5
    ImageDraw.Draw(fine).polygon([tuple(p) for p in scaled], fill=255)
    return np.asarray(fine.reduce(k), dtype=np.float32) / 255
