"""Real photographs, masks and tags of PASCAL VOC, where ``WECLIP_VOC_ROOT`` names some."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.helpers import Run
from weclip_napari.core.classes import VOC_CLASSES
from weclip_napari.core.storage import save_model
from weclip_napari.core.untrained import random_model
from weclip_napari.session.images import read_image
from weclip_napari.session.masks import read_mask
from weclip_napari.session.tags import read_tags

VOC = os.environ.get("WECLIP_VOC_ROOT")
COUNT = 3

pytestmark = pytest.mark.skipif(not VOC, reason="WECLIP_VOC_ROOT names no photographs")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """The first photographs as a data set folder without classes.txt."""
    root, folder = Path(VOC or ""), tmp_path / "voc"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    shutil.copy(root / "tags.csv", folder)
    lines = (folder / "tags.csv").read_text().splitlines()[: COUNT + 1]
    (folder / "tags.csv").write_text("\n".join(lines) + "\n")
    for name in read_tags(folder / "tags.csv"):
        shutil.copy(root / "JPEGImages" / name, folder / "images")
        mask = f"{Path(name).stem}.png"
        shutil.copy(root / "SegmentationClass" / mask, folder / "masks")
    return folder


@pytest.fixture(scope="module")
def voc_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "voc"
    save_model(folder, random_model(classes=VOC_CLASSES.names))
    return folder


def test_tags_are_what_the_masks_hold(photographs: Path) -> None:
    for name, tags in read_tags(photographs / "tags.csv").items():
        ids = np.setdiff1d(read_mask(photographs / "masks" / f"{Path(name).stem}.png"), [0, 255])
        assert ids.tolist() == [VOC_CLASSES.label_id(tag) for tag in tags]


def test_proposals_have_the_size_of_their_photograph(
    run: Run, photographs: Path, voc_model: Path, tmp_path: Path
) -> None:
    tags, out = photographs / "tags.csv", tmp_path / "out"
    code, _, err = run("propose", photographs, "--tags", tags, "--out", out, "--model", voc_model)
    assert code == 0, err
    assert len(list((out / "masks").iterdir())) == COUNT
    for name in read_tags(tags):
        image = read_image(photographs / "images" / name)
        assert read_mask(out / "masks" / f"{Path(name).stem}.png").shape == image.shape[:2]


def test_photographs_are_scored(run: Run, photographs: Path, voc_model: Path) -> None:
    code, out, err = run("evaluate", photographs, "--json", "--model", voc_model)
    assert code == 0, err
    assert json.loads(out)["n_images"] == COUNT


def test_a_tree_of_photographs_is_scored(run: Run, voc_model: Path, tmp_path: Path) -> None:
    root = Path(VOC or "")
    for part in ("JPEGImages", "SegmentationClass"):
        (tmp_path / part).symlink_to(root / part)
    (tmp_path / "ImageSets").mkdir()
    names = [path.stem for path in sorted((root / "JPEGImages").iterdir())[:COUNT]]
    (tmp_path / "ImageSets" / "few.txt").write_text("\n".join(names))
    code, out, err = run("evaluate", tmp_path, "--json", "--split", "few", "--model", voc_model)
    assert code == 0, err
    report = json.loads(out)
    assert report["n_images"] == COUNT
    assert tuple(report["per_class"]) == ("background", *VOC_CLASSES.names)
