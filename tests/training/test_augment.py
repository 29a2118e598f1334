"""Random crops."""

import numpy as np
import pytest
from weclip_training.augment import UNKNOWN, Picture, RandomCrop, mirrored, nearest, resized


def picture(height, width):
    """Every pixel tells its place, in the image and in the target."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, np.full_like(rows, 200)], axis=-1).astype(np.uint8)
    return Picture(image, (rows % 7).astype(np.int16))


def test_a_crop_of_a_large_image_is_a_window_of_it():
    crop = RandomCrop(16, scales=(1.0, 1.0), flip=False)
    image, target = crop(picture(40, 60), np.random.default_rng(0))
    assert image.shape == (16, 16, 3)
    y, x = image[0, 0, :2]
    assert np.array_equal(image[..., 0], y + np.mgrid[:16, :16][0])
    assert np.array_equal(image[..., 1], x + np.mgrid[:16, :16][1])
    assert np.array_equal(target, image[..., 0] % 7)


@pytest.mark.parametrize("padding", [UNKNOWN, 255])
def test_a_small_image_lies_somewhere_on_a_black_canvas(padding):
    crop = RandomCrop(32, scales=(1.0, 1.0), flip=False, padding=padding)
    places = set()
    for seed in range(5):
        image, target = crop(picture(8, 10), np.random.default_rng(seed))
        inside = image[..., 2] == 200
        assert np.count_nonzero(inside) == 80
        assert (image[~inside] == 0).all()
        assert (target[~inside] == padding).all()
        assert (target[inside] == image[inside, 0] % 7).all()
        places.add(tuple(np.argwhere(inside)[0]))
    assert len(places) > 1


def test_scales_stay_within_their_bounds_and_round_down():
    sizes = [
        RandomCrop(64, flip=False, padding=9)(picture(20, 20), np.random.default_rng(seed))
        for seed in range(50)
    ]
    sides = {int(np.sqrt(np.count_nonzero(target != 9))) for _, target in sizes}
    assert 10 <= min(sides) < 16
    assert 25 < max(sides) < 40


def test_half_of_the_crops_are_mirrored():
    crop = RandomCrop(8, scales=(1.0, 1.0))
    seen = [crop(picture(8, 8), np.random.default_rng(seed)).image[0, 0, 1] for seed in range(40)]
    assert set(seen) == {0, 7}
    assert 10 < seen.count(7) < 30


def test_mirroring_twice_gives_the_picture_back():
    given = picture(5, 6)
    assert np.array_equal(mirrored(mirrored(given)).image, given.image)
    assert mirrored(given).image[0, 0, 1] == 5


def test_targets_are_never_mixed():
    given = picture(20, 30)._replace(target=np.where(np.mgrid[:20, :30][1] < 15, 3, 255))
    larger = resized(given, (33, 47))
    assert larger.image.shape == (33, 47, 3)
    assert set(np.unique(larger.target)) == {3, 255}
    assert np.array_equal(nearest(larger.target, (20, 30)), given.target)
