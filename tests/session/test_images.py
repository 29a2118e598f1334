from __future__ import annotations

import struct
import time
from pathlib import Path
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.images import list_images, read_image, read_thumbnail, write_image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def relative(folder: Path, paths: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_lists_in_natural_order_and_recursively(tmp_path: Path) -> None:
    touch(tmp_path, "a10.png", "A2.JPG", "sub/b1.tif", "猫 'x'.webp", "a1.bmp", "notes.txt")
    names = relative(tmp_path, list_images(tmp_path))
    assert names == ["a1.bmp", "A2.JPG", "a10.png", "sub/b1.tif", "猫 'x'.webp"]


def test_skips_hidden_files_our_own_masks_and_what_is_asked(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "a.png",
        ".b.png",
        ".hidden/c.png",
        "weclip_masks/a.png",
        "weclip_models/runs/a.png",
        "out/d.png",
    )
    assert relative(tmp_path, list_images(tmp_path, skip=[tmp_path / "out"])) == ["a.png"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert relative(tmp_path, list_images(tmp_path)) == ["a.png"]


def test_ten_thousand_files_are_listed_quickly(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.png" for number in range(10_000)))
    start = time.perf_counter()
    assert len(list_images(tmp_path)) == 10_000
    assert time.perf_counter() - start < 5


def test_missing_empty_and_wrong_folders_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no images"):
        list_images(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        list_images(tmp_path / "gone")
    touch(tmp_path, "a.png")
    with pytest.raises(UserError, match="is a file"):
        list_images(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
def test_lossless_formats_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a b.{suffix}"
    Image.fromarray(RGB).save(path, lossless=True)
    np.testing.assert_array_equal(read_image(path), RGB)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(RGB, -1))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(RGB).convert(mode).save(path)
    image = read_image(path)
    assert (image.shape, image.dtype) == ((5, 7, 3), np.uint8)
    if mode == "L":
        np.testing.assert_array_equal(image[..., 0], Image.fromarray(RGB).convert("L"))


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    pixels = np.dstack([RGB, np.full((5, 7), 255, np.uint8)])
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(image[1:], RGB[1:])


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [("png", np.uint16), ("tif", np.uint16), ("tif", np.int32), ("tif", np.float32)],
)
def test_deep_images_are_stretched(tmp_path: Path, suffix: str, dtype: type) -> None:
    ramp = np.array([[1000, 1500], [2000, 3000]], dtype)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image[..., 0].tolist() == [[0, 64], [128, 255]]


def test_deep_colours_keep_their_upper_bits(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)  # 2 x 1 pixels, RGB of 16 bits
    row = b"\0" + struct.pack(">6H", 0, 255, 256, 1000, 32768, 65535)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", compress(row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    assert read_image(tmp_path / "a.png").tolist() == [[[0, 0, 1], [3, 128, 255]]]


def test_flat_and_infinite_deep_images(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 7, np.uint16)).save(tmp_path / "flat.tif")
    assert not read_image(tmp_path / "flat.tif").any()
    Image.fromarray(np.array([[np.nan, 1], [2, np.inf]], np.float32)).save(tmp_path / "nan.tif")
    assert read_image(tmp_path / "nan.tif")[..., 0].tolist() == [[0, 0], [255, 255]]


def test_first_page_of_a_tiff(tmp_path: Path) -> None:
    pages = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), RGB)


@pytest.mark.parametrize("keep", [0.5, 0.02, 0.0])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_truncated_files_are_named(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"broken.{suffix}"
    Image.fromarray(np.tile(RGB, (20, 20, 1))).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(UserError, match=f"broken.{suffix}.*cannot be read"):
        read_image(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone.png' does not exist"):
        read_image(tmp_path / "gone.png")


def test_twelve_thousand_pixels_a_side_are_read(tmp_path: Path) -> None:
    Image.new("1", (12_000, 7_600)).save(tmp_path / "big.png")
    assert read_image(tmp_path / "big.png").shape == (7_600, 12_000, 3)


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    Image.new("1", (15_000, 15_000)).save(tmp_path / "huge.png")
    with pytest.raises(UserError, match="huge.png' has too many pixels"):
        read_image(tmp_path / "huge.png")


def test_written_images_come_back(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", RGB)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)
    write_image(tmp_path / "a.jpg", RGB)
    assert (tmp_path / "a.jpg").read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_thumbnails_are_small_and_upright(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    picture = Image.new("RGB", (800, 400), "red")
    picture.paste("blue", (0, 0, 400, 400))
    picture.save(tmp_path / f"a.{suffix}", exif=exif)
    small = read_thumbnail(tmp_path / f"a.{suffix}", 64)
    assert small.shape == (64, 32, 3)
    assert small[5, 16].argmax() == 2
    assert small[-5, 16].argmax() == 0


def test_thumbnails_of_deep_and_small_images(tmp_path: Path) -> None:
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)).save(tmp_path / "a.png")
    small = read_thumbnail(tmp_path / "a.png", 64)
    assert small.shape == (20, 30, 3)
    assert small.min() == 0 and small.max() == 255


def test_a_broken_file_has_no_thumbnail_but_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.jpg.*copy it again"):
        read_thumbnail(tmp_path / "a.jpg", 64)
