"""Data sets to train on."""

import shutil

import numpy as np
import pytest
from weclip_training.augment import UNKNOWN
from weclip_training.config import DataConfig, FitConfig
from weclip_training.data import ListedImage, open_data

from weclip_napari.errors import UserError
from weclip_napari.scenes import CLASSES, write_scenes
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import read_mask, write_mask

SIZE = (12, 16)


@pytest.fixture
def scenes(tmp_path):
    write_scenes(tmp_path / "scenes", 3, seed=1, size=64)
    return tmp_path / "scenes"


@pytest.fixture
def image(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((*SIZE, 3), np.uint8))
    return tmp_path / "a.png"


def test_weak_training_never_sees_the_masks(scenes):
    data = open_data(DataConfig(str(scenes)), "weak")
    assert data.classes == CLASSES
    assert len(data.images) == 3
    assert data.images[1].mask is None
    assert data.images[1].tags
    assert (data.images[1].read_target(SIZE, 12) == UNKNOWN).all()
    assert not data.images[1].is_complete


def test_weak_training_needs_no_masks(scenes):
    shutil.rmtree(scenes / "masks")
    assert len(open_data(DataConfig(str(scenes)), "weak").images) == 3
    (scenes / "images").rename(scenes / "JPEGImages")
    data = open_data(DataConfig(str(scenes)), "weak")
    assert [len(image.tags) > 0 for image in data.images] == [True] * 3
    (scenes / "tags.csv").unlink()
    with pytest.raises(UserError, match="has no masks"):
        open_data(DataConfig(str(scenes)), "weak")


def test_nothing_to_train_or_to_score_on_is_told_at_once(scenes, tmp_path):
    other = shutil.copytree(scenes, tmp_path / "other")
    shutil.rmtree(other / "masks")
    with pytest.raises(UserError, match="no image to score on: .* has no mask"):
        open_data(DataConfig(str(scenes), held_out=str(other)), "weak")
    with pytest.raises(UserError, match="no image to train on: .* has no mask"):
        open_data(DataConfig(str(other)), "full")


def test_full_training_sees_every_pixel(scenes):
    data = open_data(DataConfig(str(scenes)), "full")
    image = data.images[2]
    assert image.is_complete
    target = image.read_target((64, 64), len(data.classes))
    assert np.array_equal(target, read_mask(scenes / "masks" / "scene_0002.png"))


def test_a_limit_leaves_the_first_images(scenes):
    data = open_data(DataConfig(str(scenes), held_out=str(scenes), limit=2), "weak")
    assert [image.path.stem for image in data.images] == ["scene_0000", "scene_0001"]
    assert len(data.held_out.examples) == 3
    with pytest.raises(UserError, match="limit"):
        DataConfig(str(scenes), limit=0)


def test_a_seed_that_no_generator_takes_is_refused():
    with pytest.raises(UserError, match="seed=-1"):
        FitConfig(seed=-1)


def test_a_voc_tree_has_splits(scenes):
    (scenes / "images").rename(scenes / "JPEGImages")
    (scenes / "masks").rename(scenes / "SegmentationClass")
    (scenes / "ImageSets").mkdir()
    (scenes / "ImageSets" / "train.txt").write_text("scene_0000\nscene_0001\n")
    (scenes / "ImageSets" / "val.txt").write_text("scene_0002\n")
    data = open_data(DataConfig(str(scenes), "train", held_out_split="val"), "weak")
    assert [image.path.stem for image in data.images] == ["scene_0000", "scene_0001"]
    assert [example.image.stem for example in data.held_out.examples] == ["scene_0002"]


def test_only_trees_have_splits(scenes):
    with pytest.raises(UserError, match="no split 'train'"):
        open_data(DataConfig(str(scenes), "train"), "weak")


def test_held_out_images_need_the_same_classes(scenes, tmp_path):
    write_scenes(tmp_path / "other", 1, seed=2, size=64)
    (tmp_path / "other" / "classes.txt").write_text("\n".join(reversed(CLASSES)))
    with pytest.raises(UserError, match="other classes"):
        open_data(DataConfig(str(scenes), held_out=str(tmp_path / "other")), "weak")


@pytest.mark.parametrize(
    ("drawn", "reason"), [(np.zeros((5, 5)), "5 x 5 pixels"), (np.full(SIZE, 4), "label id 4")]
)
def test_a_mask_that_does_not_fit_is_refused(image, tmp_path, drawn, reason):
    write_mask(tmp_path / "m.png", drawn.astype(np.uint8))
    with pytest.raises(UserError, match=reason) as caught:
        ListedImage(image, (), tmp_path / "m.png").read_target(SIZE, 3)
    assert "m.png" in str(caught.value)


def test_ignored_pixels_stay_ignored(image, tmp_path):
    write_mask(tmp_path / "m.png", np.full(SIZE, 255, np.uint8))
    assert (ListedImage(image, (), tmp_path / "m.png").read_target(SIZE, 3) == 255).all()
