from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.masks import read_mask, voc_palette, write_mask


def test_palette_is_that_of_pascal_voc() -> None:
    expected = {1: [128, 0, 0], 15: [192, 128, 128], 20: [0, 64, 128], 255: [224, 224, 192]}
    assert {label: voc_palette()[label].tolist() for label in expected} == expected


def test_round_trip_keeps_every_id(tmp_path: Path) -> None:
    mask = np.arange(256, dtype=np.uint8).reshape(8, 32)
    write_mask(tmp_path / "a.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.array(image.convert("RGB")), voc_palette()[mask])


def test_a_mask_of_few_ids_keeps_them(tmp_path: Path) -> None:
    mask = np.array([[0, 200], [255, 3]], np.uint8)
    write_mask(tmp_path / "a.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)


@pytest.mark.parametrize("bad", [np.zeros((2, 2), np.int64), np.zeros((2, 2, 3), np.uint8)])
def test_other_arrays_are_refused(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="2-D uint8"):
        write_mask(tmp_path / "a.png", bad)


def test_wide_ids_that_fit_are_read(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255]], np.uint16)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 255]]
    Image.fromarray(np.array([[0, 256]], np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(UserError, match="b.png' holds colours or numbers over 255"):
        read_mask(tmp_path / "b.png")


def test_colour_missing_and_broken_masks_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match="rgb.png' holds colours"):
        read_mask(tmp_path / "rgb.png")
    with pytest.raises(UserError, match="broken.png' cannot be read"):
        read_mask(tmp_path / "broken.png")
    with pytest.raises(UserError, match="gone.png' does not exist"):
        read_mask(tmp_path / "gone.png")
