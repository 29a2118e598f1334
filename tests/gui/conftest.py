"""A folder of small pictures, and a predictor with random weights."""

import numpy as np
import pytest
from PIL import Image

from weclip_napari.gui.engine import Engine

SIZE = (48, 64)


@pytest.fixture(scope="session")
def model():
    from weclip_napari.core.checkpoint import random_model

    return random_model(classes=("apple", "star", "fish"))


@pytest.fixture
def predictor(model):
    from weclip_napari.core.predictor import Predictor

    return Predictor(model)


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


@pytest.fixture(autouse=True)
def no_preferences(plugin_settings):
    """Nobody's preferences are read or changed: the defaults hold."""
