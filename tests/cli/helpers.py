from __future__ import annotations

from collections.abc import Callable

import numpy as np

Run = Callable[..., tuple[int, str, str]]


def random_image(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
