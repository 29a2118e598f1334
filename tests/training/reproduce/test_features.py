"""Figure 2, from the images to the table and the picture."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from weclip_training.reproduce import features
from weclip_training.reproduce.features import FIGURE2, MEASURES
from weclip_training.reproduce.scatter import Plot, scatter_plots

from weclip_napari.core.checkpoint import random_model, save_model
from weclip_napari.errors import UserError
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import write_mask


def test_both_backbones_are_measured_from_every_seed(voc_study):
    found = {row.setting: row for row in FIGURE2.rows(voc_study)}
    own = f"CLIP ({voc_study.base().name})"
    expected = [
        f"{measure}, {side}" for measure in MEASURES.values() for side in (own, "untrained twin")
    ]
    assert list(found) == expected
    for setting, row in found.items():
        assert row.paper == ""
        assert len(row.values) == 2
        low = -100 if setting.startswith("silhouette") else 0
        assert all(low <= value <= 100 for value in row.values)
    assert "32 channels after 3 blocks" in found[expected[0]].remark
    assert "of the 6 images" in found[expected[2]].remark  # the train list, not the held-out ones
    with Image.open(voc_study.out / "figure2.png") as picture:
        assert picture.width > picture.height > 600


def test_nothing_is_done_twice(voc_study, monkeypatch):
    before = list(FIGURE2.rows(voc_study))
    made = (voc_study.out / "figure2.png").stat().st_mtime_ns
    monkeypatch.setattr(features, "patches_of", None)
    assert list(FIGURE2.rows(voc_study)) == before
    assert (voc_study.out / "figure2.png").stat().st_mtime_ns == made


def test_another_backbone_makes_another_picture(voc_study, tiny):
    list(FIGURE2.rows(voc_study))
    picture = (voc_study.out / "figure2.png").read_bytes()
    other = replace(voc_study, other=str(tiny))
    rows = list(FIGURE2.rows(other))
    assert (voc_study.out / "figure2.png").read_bytes() != picture
    # a model compared with itself is asked for the same patches
    assert rows[0].values == rows[1].values
    assert rows[2].values == rows[3].values


def test_other_weights_under_the_same_name_are_measured_anew(voc_study, tmp_path):
    folder = tmp_path / "other"
    found = []
    for seed in (5, 6):
        save_model(folder, random_model(seed=seed, classes=()))
        rows = list(FIGURE2.rows(replace(voc_study, seeds=(1,), other=str(folder))))
        found.append(rows[1].values)
    assert found[0] != found[1]


def test_images_that_cannot_be_used_are_left_out(voc_study, monkeypatch):
    image, other, tiny = sorted((voc_study.root / "JPEGImages").iterdir())[2:5]
    image.write_bytes(b"broken")
    write_image(other, np.zeros((60, 60, 3), np.uint8))  # its mask is larger
    write_image(tiny, np.zeros((4, 4, 3), np.uint8))  # smaller than a patch
    write_mask(voc_study.root / "SegmentationClass" / f"{tiny.stem}.png", np.ones((4, 4), np.uint8))
    told = []
    monkeypatch.setattr(type(voc_study), "note", lambda self, text: told.append(text))
    rows = list(FIGURE2.rows(replace(voc_study, seeds=(1,))))
    assert "of the 3 images" in rows[2].remark
    assert any(image.name in text for text in told)
    assert any(f"{other.stem}.png" in text for text in told)
    assert any(f"{tiny}: The image has 4 x 4 pixels" in text for text in told)


def test_scikit_learn_is_asked_for_before_anything_else(voc_study, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"weclip-napari\[reproduce\]"):
        next(FIGURE2.rows(voc_study))


def test_every_class_of_a_scatter_plot_has_a_colour_of_its_own():
    names = [f"class {number}" for number in range(20)]
    points = np.stack(np.meshgrid(np.arange(20), np.arange(10)), axis=-1).reshape(-1, 2)
    plot = Plot("title", "caption", points.astype(np.float32), points[:, 0] + 1)
    picture = scatter_plots([plot, plot], names)
    assert picture.ndim == 3
    assert picture.shape[1] > picture.shape[0]
    half = picture[:, : picture.shape[1] // 2].reshape(-1, 3)
    colours, counts = np.unique(half, axis=0, return_counts=True)
    lively = np.ptp(colours.astype(int), axis=1) > 20
    assert (counts[lively] >= 30).sum() >= 18  # two of the twenty are greys
