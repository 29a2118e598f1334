"""A tiny model and a tree like PASCAL VOC's, with images of several sizes and ignored pixels."""

from dataclasses import replace

import numpy as np
import pytest
from weclip_training.config import ViewConfig
from weclip_training.reproduce.source import SOURCES, Budget
from weclip_training.reproduce.study import Study

from weclip_napari.core.checkpoint import random_model, save_model
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import IGNORE, write_mask

SIZES = ((60, 80), (80, 60), (64, 64), (50, 90))


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    """One thread, and no user's cache."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("WECLIP_NAPARI_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a CLIP with random weights and patches of 8 pixels."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = random_model(classes=())
    config = replace(model.config, input_long_side=64, par_long_side=64, par_iterations=2)
    save_model(folder, replace(model, config=config))
    return folder


def write_tree(folder, count=8):
    """Two rectangles of neighbouring classes in each image, a frame of 255 round one of them."""
    for part in ("JPEGImages", "SegmentationClass"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        height, width = SIZES[number % len(SIZES)]
        mask = np.zeros((height, width), np.uint8)
        first = number % 3 + 1
        mask[: height - 10, : width // 2 - 2] = first
        mask[4 : height - 4, width // 2 :] = IGNORE
        mask[6 : height - 6, width // 2 + 2 :] = first % 3 + 1
        image = np.random.default_rng(number).integers(0, 40, (height, width, 3))
        image += np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200]])[mask % 4]
        write_image(folder / "JPEGImages" / f"2007_{number:06}.jpg", image.astype(np.uint8))
        write_mask(folder / "SegmentationClass" / f"2007_{number:06}.png", mask)
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    names = [f"2007_{number:06}" for number in range(count)]
    (lists / "train.txt").write_text("\n".join(names[: count - 2]) + "\n")
    (lists / "val.txt").write_text("\n".join(names[count - 2 :]) + "\n")
    return folder


@pytest.fixture
def voc_study(tmp_path, tiny):
    """A study of two steps on six images to train on and two held out."""
    source = replace(SOURCES["voc"], views=ViewConfig(crop=32, scales=(0.5, 2.0)))
    out = tmp_path / "out"
    out.mkdir()
    return Study(
        source=source,
        root=write_tree(tmp_path / "voc"),
        seeds=(1, 2),
        out=out,
        budget=Budget(images=None, held_out=None, steps=2, batch=2),
        model=str(tiny),
        device="cpu",
    )


@pytest.fixture
def tree(tmp_path):
    """A tree like PASCAL VOC's: two images to train on, two to score on."""
    return write_tree(tmp_path / "tree", count=4)


@pytest.fixture
def make_study(tmp_path, tiny):
    """Make a study of a few images and two steps; any of its fields can be given."""

    def make(dataset="scenes", **changes):
        study = Study(
            source=SOURCES[dataset],
            root=None,
            seeds=(1, 2),
            out=tmp_path / "out",
            budget=Budget(images=3, held_out=2, steps=2, batch=2),
            model=str(tiny),
            device="cpu",
        )
        return replace(study, **changes)

    return make
