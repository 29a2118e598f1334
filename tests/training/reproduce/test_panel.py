"""Figure 1, from a run to the table and the picture."""

import numpy as np
import pytest
from PIL import Image
from weclip_training.reproduce.panel import FIGURE1, SIDE, Shown, mean_ious, panel

from weclip_napari import stages
from weclip_napari.core import postprocess
from weclip_napari.core.postprocess import has_crf
from weclip_napari.errors import UserError
from weclip_napari.pictures.contact_sheet import GAP, LINE
from weclip_napari.session.masks import voc_palette

CLASSES = ("cat", "dog", "cow")
TITLES = {"clip_es": "CLIP-ES", "ours": "ours"}


def shown(truth, clip_es, ours, tags=("cat",)):
    masks = [np.array(labels, np.uint8) for labels in (clip_es, ours, truth)]
    image = np.full((*masks[0].shape, 3), 90, np.uint8)
    return Shown(tags, image, {"clip_es": masks[0], "ours": masks[1]}, masks[2])


def test_scores_are_those_computed_by_hand():
    first = shown([[0, 0, 1, 1]], [[0, 1, 1, 1]], [[0, 0, 1, 1]])
    second = shown([[0, 2, 255, 77]], [[0, 2, 1, 3]], [[0, 4, 0, 0]])
    scores = mean_ious([first, second], CLASSES)
    # CLIP-ES: background 2 of 3, cat 2 of 3, dog 1 of 1; ours: 3 of 3, 2 of 2, none
    assert scores["clip_es"] == pytest.approx(100 * (2 / 3 + 2 / 3 + 1) / 3, abs=0.01)
    assert scores["ours"] == pytest.approx(100 * (1 + 1 + 0) / 3, abs=0.01)


def test_pictures_of_any_size_stand_beside_their_masks():
    wide = shown(*[np.full((300, 600), 1)] * 3)
    high = shown(*[np.full((100, 50), 255)] * 3)
    sheet = panel(TITLES, [wide, high], CLASSES)
    width, rows = GAP + 4 * (SIDE + GAP), LINE + SIDE // 2 + LINE + 100 + LINE
    assert sheet.shape[1] == width
    assert sheet.shape[0] > rows  # the legend
    cat = voc_palette()[1]
    for column in (1, 2, 3):
        left = GAP + column * (SIDE + GAP)
        painted = sheet[LINE : LINE + SIDE // 2, left : left + SIDE]
        assert (abs(painted.astype(int) - cat) <= 0.2 * 90 + 26).all()
    second = LINE + SIDE // 2 + LINE
    assert (sheet[second : second + 100, GAP : GAP + 50] == 90).all()
    ignored = GAP + 3 * (SIDE + GAP)
    assert (sheet[second : second + 100, ignored : ignored + 50] == 255).all()
    assert (sheet[rows:] == cat).all(axis=2).sum() >= 100


def test_an_image_of_which_nothing_is_known_has_no_score():
    sheet = panel(TITLES, [shown(*[np.full((40, 40), 255)] * 3)], CLASSES)
    assert sheet.ndim == 3


def test_a_run_is_trained_once_and_shown(voc_study, monkeypatch):
    assert FIGURE1.runs(voc_study) == [voc_study.config(1)]
    rows = list(FIGURE1.rows(voc_study))
    title = "CLIP-ES" if has_crf() else "CLIP-ES without CRF"
    assert [row.setting for row in rows] == [
        f"{title}, on the 6 images shown",
        "ours, on the 6 images shown",
    ]
    assert all(len(row.values) == 1 and 0 <= row.values[0] <= 100 for row in rows)
    trained = voc_study.runs.seconds(voc_study.config(1))
    assert rows[1].seconds - rows[0].seconds == pytest.approx(trained) != 0
    path = voc_study.out / "figure1.png"
    with Image.open(path) as picture:
        assert picture.width == GAP + 4 * (90 + GAP)
        assert picture.height > 6 * 50
    made = path.stat().st_mtime_ns
    monkeypatch.setattr(stages, "StageMaps", None)
    assert list(FIGURE1.rows(voc_study)) == rows
    assert path.stat().st_mtime_ns == made


def test_without_a_crf_the_row_says_so(voc_study, monkeypatch):
    monkeypatch.setattr(postprocess, "has_crf", lambda: False)
    row = next(FIGURE1.rows(voc_study))
    assert row.setting == "CLIP-ES without CRF, on the 6 images shown"
    assert "pip install weclip-napari[crf]" in row.remark
    assert row.values


def test_images_that_cannot_be_read_are_left_out(voc_study, monkeypatch):
    voc_study.trained(voc_study.config(1))
    images = {path: path.read_bytes() for path in (voc_study.root / "JPEGImages").iterdir()}
    told = []
    monkeypatch.setattr(type(voc_study), "note", lambda self, text: told.append(text))
    for path in images:
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match="no image that can be shown"):
        next(FIGURE1.rows(voc_study))
    assert len(told) == 6
    first = min(images)
    for path, content in images.items():
        path.write_bytes(b"broken" if path == first else content)
    assert "5 images" in next(FIGURE1.rows(voc_study)).setting
    assert first.name in told[-1]
