"""A folder of drawn scenes and a predictor that needs no weights."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from weclip_napari.gui.engine import Engine

os.environ.setdefault("QT_API", "pyqt6")


class FakePredictor:
    """Puts tag i into the i-th quarter of the image's width."""

    def __init__(self):
        config = SimpleNamespace(classes=("apple", "star", "fish"))
        decoder = SimpleNamespace(config=config)
        self.model = SimpleNamespace(name="fake", decoder=decoder)
        self.encoded = 0

    def set_image(self, image):
        self.size = image.shape[:2]
        self.grid = (self.size[0] // 8, self.size[1] // 8)
        self.encoded += 1

    def affinity_row(self, y, x, kind):
        rows, columns = np.indices(self.grid)
        return np.exp(-((rows - y // 8) ** 2 + (columns - x // 8) ** 2) / 50).astype(np.float32)

    def propose(self, tags, *, branch="auto", **_):
        height, width = self.size
        label_map = np.zeros(self.size, np.uint8)
        for i in range(len(tags)):
            label_map[height // 4 : -height // 4, i * width // 4 : (i + 1) * width // 4] = i + 1
        cam = np.stack([self.affinity_row(height / 2, (i + 0.5) * width / 4, "") for i in range(len(tags))])
        return SimpleNamespace(
            tags=tuple(tags),
            label_map=label_map,
            cam=cam,
            refined_cam=cam**0.5,
            scores=np.full(len(tags), 1 / len(tags), np.float32),
            branches=("decoder",) * len(tags),
            notes=(),
            grid=self.grid,
            image_size=self.size,
        )


@pytest.fixture
def engine():
    return Engine(load=lambda spec: FakePredictor())
