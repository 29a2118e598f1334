"""Every item on photographs of PASCAL VOC with a ViT-B/16 of random weights: the plumbing.

``WECLIP_VOC_ROOT`` names a tree with ``JPEGImages`` and ``SegmentationClass``. The figures mean
nothing, and the tables must say so.
"""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from weclip_training import setup
from weclip_training.config import ViewConfig
from weclip_training.reproduce.cli import main
from weclip_training.reproduce.items import ITEMS
from weclip_training.reproduce.pages import UNPUBLISHED
from weclip_training.reproduce.report import COLUMNS
from weclip_training.reproduce.source import SOURCES

from weclip_napari.core.architectures import architecture_of
from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.classes import VOC_CLASSES
from weclip_napari.core.config import WeclipConfig
from weclip_napari.core.storage import save_model, write_tensors
from weclip_napari.core.untrained import random_model
from weclip_napari.session.images import read_image
from weclip_napari.session.masks import IGNORE, read_mask
from weclip_napari.session.voc_tree import read_voc_tree

VOC = os.environ.get("WECLIP_VOC_ROOT")
IMAGES = {"figure2": 24}
"""Features are compared by classes that many images show; of the others, three are enough."""

pytestmark = pytest.mark.skipif(not VOC, reason="WECLIP_VOC_ROOT names no photographs")
items = pytest.mark.parametrize("item", [i.name for i in ITEMS.values() if "voc" in i.datasets])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name a ViT-B/16 which sees images of 96 pixels, and its weights."""
    folder = tmp_path_factory.mktemp("vit")
    config = WeclipConfig(input_long_side=96, par_long_side=96, par_iterations=2)
    architecture = architecture_of(config.backbone, quick_gelu=True)
    model = random_model(architecture, classes=(), config=config)
    weights = folder / "ViT-B-16.safetensors"
    write_tensors(weights, model.backbone.clip.state_dict(), None, half=True)
    save_model(folder / "small", model, clip=False)
    return ["--model", str(folder / "small"), "--weights", str(weights)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all items, so that they share their runs."""
    return tmp_path_factory.mktemp("reproduction")


@pytest.fixture(autouse=True, scope="module")
def brief() -> object:
    """Read the weights and embed each prompt once for all items; take small crops."""
    known: dict[str, torch.Tensor] = {}
    encode = FrozenClip.encode_text

    def encode_once(self: FrozenClip, prompts: list[str]) -> torch.Tensor:
        new = [prompt for prompt in prompts if prompt not in known]
        if new:
            known.update(zip(new, encode(self, new), strict=True))
        return torch.stack([known[prompt] for prompt in prompts])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenClip, "encode_text", encode_once)
        patch.setattr(setup, "load_model", cache(setup.load_model))
        small = replace(SOURCES["voc"], views=ViewConfig(crop=96, scales=(0.2, 0.4)))
        patch.setitem(SOURCES, "voc", small)
        yield


def reproduce(item: str, out: Path, checkpoint: list[str]) -> list[dict[str, str]]:
    """Run an item as on the command line and read its table."""
    given = ["--dataset", "voc", "--root", str(VOC), "--seeds", "1", "--out", str(out)]
    size = ["--images", str(IMAGES.get(item, 3)), "--held-out", "2", "--steps", "2", "--batch", "2"]
    assert main([item, *given, *size, *checkpoint, "--device", "cpu"]) == 0
    with (out / f"{item}.csv").open() as file:
        return list(csv.DictReader(file))


@items
def test_an_item_has_its_table_and_is_no_result(
    item: str, out: Path, checkpoint: list[str]
) -> None:
    rows = reproduce(item, out, checkpoint)
    assert rows
    assert all(tuple(row) == COLUMNS and row["item"] == item for row in rows)
    ours = [row for row in rows if row["ours_mean"]]
    assert ours
    for row in ours:
        assert (row["seeds"], row["ours_std"]) == ("1", "")
        assert -100 <= float(row["ours_mean"]) <= 100
    text = (out / f"{item}.md").read_text()
    assert UNPUBLISHED in text
    assert UNPUBLISHED.startswith("**")
    assert f"weclip-reproduce {item} --dataset voc" in text


def test_the_classes_are_the_21_of_voc(out: Path, checkpoint: list[str]) -> None:
    reproduce("val", out, checkpoint)
    with (out / "val_classes.csv").open() as file:
        rows = {row["class"]: row["tagged_mean"] for row in csv.DictReader(file)}
    assert list(rows) == ["background", *VOC_CLASSES.names]
    shown = {
        tag for one in read_voc_tree(VOC or "", VOC_CLASSES.names).examples[:2] for tag in one.tags
    }
    assert {name for name, iou in rows.items() if iou} == {"background", *shown}
    assert all(name in (out / "val.md").read_text() for name in rows)


def test_labels_have_the_size_of_their_photograph(out: Path, checkpoint: list[str]) -> None:
    (row,) = reproduce("labels", out, checkpoint)
    hits, pixels, predicted = np.zeros(21), np.zeros(21), np.zeros(21)
    examples = read_voc_tree(VOC or "", VOC_CLASSES.names).examples[:3]
    for example in examples:
        labels = read_mask(out / "labels-1" / "SegmentationClass" / example.mask.name)
        assert labels.shape == read_image(example.image).shape[:2]
        truth = read_mask(example.mask)
        assert IGNORE in truth
        known = truth != IGNORE
        hits += np.bincount(truth[known & (truth == labels)], minlength=21)
        pixels += np.bincount(truth[known], minlength=21)
        predicted += np.bincount(labels[known], minlength=21)
        assert set(np.unique(labels)) <= {0, *map(VOC_CLASSES.label_id, example.tags)}
    iou = hits[pixels > 0] / (pixels + predicted - hits)[pixels > 0]
    assert float(row["ours_mean"]) == pytest.approx(100 * iou.mean(), abs=0.01)
