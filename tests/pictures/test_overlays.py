"""Pictures of masks."""

import numpy as np

from weclip_napari.pictures.overlays import mask_picture
from weclip_napari.session.masks import IGNORE, voc_palette


def test_a_painted_mask_is_told_from_the_image_and_from_what_is_ignored():
    image = np.random.default_rng(0).integers(0, 256, (4, 9, 3), dtype=np.uint8)
    mask = np.repeat(np.array([0, 7, IGNORE], np.uint8), 3)[None].repeat(4, axis=0)
    picture = mask_picture(image, mask).astype(int)
    background, bus, ignored = np.split(picture, 3, axis=1)
    assert (background == background[..., :1]).all()  # grey
    assert (background >= 205).all()
    assert (abs(bus - voc_palette()[7].astype(int)) <= 0.2 * 255 + 1).all()
    assert bus.max() < background.min()
    assert (ignored == 255).all()
