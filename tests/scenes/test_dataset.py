"""Scenes on disk are a data set that the session reads back."""

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.scenes import CLASSES, SceneGenerator, write_scenes
from weclip_napari.session.dataset import read_dataset
from weclip_napari.session.images import read_image
from weclip_napari.session.masks import read_mask


def test_written_scenes_read_back(tmp_path):
    images = write_scenes(tmp_path, 3, 5, 64)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == CLASSES
    assert not dataset.problems
    generator = SceneGenerator(5, 64)
    for path, example in zip(images, dataset.examples, strict=True):
        scene = generator.scene()
        assert example.image == path
        assert example.tags == scene.tags
        np.testing.assert_array_equal(read_image(path), scene.image)
        np.testing.assert_array_equal(read_mask(example.mask), scene.mask)


def test_fewer_scenes_leave_none_of_the_earlier_ones(tmp_path):
    write_scenes(tmp_path, 3, 5, 64)
    images = write_scenes(tmp_path, 1, 6, 64)
    assert sorted((tmp_path / "images").iterdir()) == images
    assert len(read_dataset(tmp_path).examples) == 1


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path):
    images = write_scenes(tmp_path, 2, 5, 64)
    (tmp_path / "masks" / ".scene_0001.png.0123abcd.tmp").write_bytes(b"half")
    (tmp_path / "classes.txt").unlink()
    assert write_scenes(tmp_path, 2, 5, 64) == images
    assert len(list((tmp_path / "masks").iterdir())) == 2


@pytest.mark.parametrize("name", ["images/holiday.png", "masks/mine.png", "tags.csv"])
def test_another_data_set_is_left_alone(tmp_path, name):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(UserError, match="another data set"):
        write_scenes(tmp_path, 1, 5, 64)
    assert (tmp_path / name).read_bytes() == b"mine"
