"""Drawn scenes: reproducible, truly labelled, of any size."""

import numpy as np
import pytest

from weclip_napari.core.classes import VOC_BACKGROUND
from weclip_napari.scenes import BACKGROUND_WORDS, BACKGROUNDS, CLASSES, SceneGenerator
from weclip_napari.scenes.outlines import OUTLINES
from weclip_napari.scenes.patterns import PATTERNS


def test_there_is_enough_to_tell_apart():
    assert len(CLASSES) >= 10
    assert len(BACKGROUNDS) >= 8
    assert set(OUTLINES) == set(PATTERNS) == set(CLASSES)


def test_background_words_are_the_supplements():
    words = {word for names in BACKGROUND_WORDS.values() for word in names}
    assert words <= set(VOC_BACKGROUND)
    assert set(BACKGROUNDS) <= words


def test_the_same_seed_draws_the_same_scenes():
    first, second = SceneGenerator(7, 64), SceneGenerator(7, 64)
    for _ in range(5):
        a, b = first.scene(), second.scene()
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.mask, b.mask)
        assert a.tags == b.tags
    assert not np.array_equal(
        SceneGenerator(8, 64).scene().image, SceneGenerator(7, 64).scene().image
    )


def test_tags_are_what_the_mask_shows():
    generator = SceneGenerator(3, 96)
    counts = set()
    for _ in range(40):
        scene = generator.scene()
        ids = set(np.unique(scene.mask)) - {0, 255}
        assert tuple(CLASSES[i - 1] for i in sorted(ids)) == scene.tags
        assert set(scene.backgrounds) <= set(BACKGROUNDS)
        counts.add(len(scene.tags))
    assert {1, 2, 3} <= counts


def test_an_object_is_painted_where_its_mask_is():
    with_object = SceneGenerator(11, 128).close_up(CLASSES.index("star"))
    assert with_object.tags == ("star",)
    share = np.mean(with_object.mask == CLASSES.index("star") + 1)
    assert 0.1 < share < 0.9


@pytest.mark.parametrize("size", [(40, 90), (200, 33), 64])
def test_any_size(size):
    scene = SceneGenerator(1, size).scene()
    expected = (size, size) if isinstance(size, int) else size
    assert scene.image.shape == (*expected, 3)
    assert scene.image.dtype == np.uint8
    assert scene.mask.shape == expected


def test_too_small_a_size_is_refused():
    with pytest.raises(ValueError, match="32 pixels"):
        SceneGenerator(1, 31)


@pytest.mark.parametrize("name", [n for n in PATTERNS if n != "apple"])
def test_every_texture_shows_both_colours(name):
    v, u = np.mgrid[-2:2:0.05, -2:2:0.05].astype(np.float32)
    shown = PATTERNS[name](u, v)
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert 0.1 < shown.mean() < 0.9


def test_textures_differ_from_each_other():
    v, u = np.mgrid[-2:2:0.1, -2:2:0.1].astype(np.float32)
    shown = {name: pattern(u, v) for name, pattern in PATTERNS.items()}
    names = list(shown)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert np.abs(shown[a] - shown[b]).mean() > 0.1, (a, b)
