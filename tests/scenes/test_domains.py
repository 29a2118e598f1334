"""The shifted domain."""

import numpy as np

from weclip_napari.scenes import CLASSES, SHIFTED, SceneGenerator, write_scenes
from weclip_napari.session.dataset import read_dataset


def test_the_shifted_domain_has_a_class_more_behind_the_others():
    assert SHIFTED.classes == (*CLASSES, "heart")
    scene = SceneGenerator(3, 96, SHIFTED).close_up(12)
    assert scene.tags == ("heart",)
    assert set(np.unique(scene.mask)) <= {0, 13, 255}
    assert np.mean(scene.mask == 13) > 0.1


def test_its_backgrounds_are_its_own():
    generator = SceneGenerator(4, 64, SHIFTED)
    backgrounds = {name for _ in range(20) for name in generator.scene().backgrounds}
    assert backgrounds == set(SHIFTED.textures)


def test_it_is_written_with_its_classes(tmp_path):
    write_scenes(tmp_path, 4, seed=1, size=64, domain=SHIFTED)
    assert read_dataset(tmp_path).classes == SHIFTED.classes
