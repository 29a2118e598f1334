"""COCO 2014 in the style of PASCAL VOC: what the model is given, and two items on three images."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from weclip_training.config import ViewConfig
from weclip_training.reproduce.cli import main
from weclip_training.reproduce.pages import UNPUBLISHED
from weclip_training.reproduce.source import SOURCES

from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.classes import COCO_CLASSES, VOC_BACKGROUND
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import read_mask, write_mask

SHOWN = {
    "train/COCO_train2014_000000000009": ((64, 90), ("bowl", "toothbrush")),
    "train/COCO_train2014_000000000025": ((80, 60), ("giraffe",)),
    "val/COCO_val2014_000000000042": ((60, 80), ("keyboard", "toothbrush")),
}
PUBLISHED_WORDS = {
    "person": "person with clothes,people,human",
    "hair drier": "hairdrier,blowdrier",
    "snowboard": "sknowboard",
    "toothbrush": "toothbrush",
    "keyboard": "keyboard",
}


@pytest.fixture
def coco(tmp_path):
    """Three photographs, one of them grey, with ids up to 80 and a frame of 255."""
    root = tmp_path / "coco"
    for number, (name, ((height, width), tags)) in enumerate(SHOWN.items()):
        image, mask = root / f"JPEGImages/{name}.jpg", root / f"SegmentationClass/{name}.png"
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        labels = np.zeros((height, width), np.uint8)
        for place, tag in enumerate(tags):
            labels[5:30, 5 + 30 * place :][:, :20] = COCO_CLASSES.label_id(tag)
        labels[-4:] = 255
        random = np.random.default_rng(number)
        shape = (height, width) if number == 1 else (height, width, 3)
        write_image(image, random.integers(0, 256, shape).astype(np.uint8))
        write_mask(mask, labels)
    return root


@pytest.fixture
def reproduce(coco, tiny, tmp_path, monkeypatch):
    """Run an item as on the command line, on small crops; returns its table and its text."""
    small = replace(SOURCES["coco"], views=ViewConfig(crop=32, scales=(0.5, 2.0)))
    monkeypatch.setitem(SOURCES, "coco", small)
    out = tmp_path / "out"

    def run(item):
        given = ["--dataset", "coco", "--root", str(coco), "--seeds", "1", "--out", str(out)]
        size = ["--steps", "2", "--batch", "2", "--model", str(tiny), "--device", "cpu"]
        assert main([item, *given, *size]) == 0
        with (out / f"{item}.csv").open() as file:
            return list(csv.DictReader(file)), (out / f"{item}.md").read_text()

    return run


def test_val_of_80_classes(reproduce, tmp_path):
    rows, text = reproduce("val")
    assert UNPUBLISHED in text
    assert [(row["setting"], row["paper"]) for row in rows if row["paper"]] == [
        ("two scales, mirror images, dense CRF", "47.1")
    ]
    assert "the paper's figure for COCO" in text
    with (tmp_path / "out" / "val_classes.csv").open() as file:
        classes = {row["class"]: row["predictions_mean"] for row in csv.DictReader(file)}
    assert list(classes) == ["background", *COCO_CLASSES.names]
    assert {name for name, iou in classes.items() if iou} == {
        "background",
        *("keyboard", "toothbrush"),
    }


def test_labels_lie_as_the_masks_do(reproduce, coco, tmp_path):
    rows, text = reproduce("labels")
    assert UNPUBLISHED in text
    assert rows[0]["seeds"] == "1"
    folder = tmp_path / "out" / "labels-1"
    for name, (size, tags) in list(SHOWN.items())[:2]:
        labels = read_mask(folder / "SegmentationClass" / f"{name}.png")
        assert labels.shape == size
        assert set(np.unique(labels)) <= {0, *map(COCO_CLASSES.label_id, tags)}
    assert not (folder / "SegmentationClass" / "val").exists()
    listed = (folder / "ImageSets" / "Segmentation" / "train.txt").read_text().split()
    assert listed == [name.removeprefix("train/") for name in list(SHOWN)[:2]]


def test_the_model_is_given_80_classes_and_23_background_words(reproduce, monkeypatch):
    given: set[str] = set()
    encode = FrozenClip.encode_text

    def listen(self, prompts):
        given.update(prompts)
        return encode(self, prompts)

    monkeypatch.setattr(FrozenClip, "encode_text", listen)
    reproduce("val")
    background = set(VOC_BACKGROUND) - {"sign", "keyboard"}
    classes = {entry.prompts[0] for entry in COCO_CLASSES}
    assert (len(classes), len(background)) == (80, 23)
    assert given == {f"a clear origami {words}." for words in classes | background}
    for name, words in PUBLISHED_WORDS.items():
        assert f"a clear origami {words}." in given, name
