"""Folders of small pictures, and a predictor that needs no weights."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from weclip_napari.gui.engine import Engine

SIZE = (48, 64)


class FakePredictor:
    """Proposes tag i in the i-th quarter of the image's width."""

    def __init__(self):
        config = SimpleNamespace(classes=("apple", "star", "fish"))
        self.model = SimpleNamespace(name="fake", decoder=SimpleNamespace(config=config))
        self.encoded = 0

    def set_image(self, image):
        self.size = image.shape[:2]
        self.grid = (self.size[0] // 8, self.size[1] // 8)
        self.encoded += 1

    def affinity_row(self, y, x, kind):
        rows, columns = np.indices(self.grid)
        return np.exp(-((rows - y // 8) ** 2) - (columns - x // 8) ** 2).astype(np.float32)

    def propose(self, tags, *, branch="auto"):
        height, width = self.size
        label_map = np.zeros(self.size, np.uint8)
        for i in range(len(tags)):
            label_map[height // 4 : -height // 4, i * width // 4 : (i + 1) * width // 4] = i + 1
        centres = [(i + 0.5) * width / 4 for i in range(len(tags))]
        cam = np.stack([self.affinity_row(height / 2, x, "attention") for x in centres])
        return SimpleNamespace(
            tags=tuple(tags),
            label_map=label_map,
            cam=cam,
            refined_cam=cam**0.5,
            scores=np.full(len(tags), 1 / len(tags), np.float32),
            branches=("cam" if branch == "cam" else "decoder",) * len(tags),
            notes=(),
            grid=self.grid,
            image_size=self.size,
        )


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def engine(predictor):
    return Engine(load=lambda spec: predictor)


@pytest.fixture
def folder(tmp_path):
    """Three pictures; the second is broken."""
    for number in range(3):
        random = np.random.default_rng(number)
        picture = random.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"img{number}.png")
    (tmp_path / "img1.png").write_bytes(b"no picture")
    return tmp_path
