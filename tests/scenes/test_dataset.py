"""Scenes on disk are a data set that the session reads back."""

import numpy as np

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
