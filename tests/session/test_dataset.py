from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.dataset import images_folder, match_tags, read_classes, read_dataset
from weclip_napari.session.images import read_image, write_image
from weclip_napari.session.masks import read_mask, write_mask

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
MASK = np.array(IMAGE[..., 0] % 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for name in ("00000.png", "00001.png"):
        write_image(tmp_path / "images" / name, IMAGE)
        write_mask(tmp_path / "masks" / name, MASK)
    (tmp_path / "classes.txt").write_text("cat\nstop sign\n")
    (tmp_path / "tags.csv").write_text("image,tags\n00000.png,cat\n00001.png,stop sign;\n")
    return tmp_path


def test_round_trip(folder: Path) -> None:
    dataset = read_dataset(folder)
    assert dataset.classes == ("cat", "stop sign")
    assert [example.tags for example in dataset.examples] == [("cat",), ("stop sign",)]
    assert dataset.problems == ()
    np.testing.assert_array_equal(read_image(dataset.examples[0].image), IMAGE)
    np.testing.assert_array_equal(read_mask(dataset.examples[1].mask), MASK)


def test_unusable_images_are_left_out_and_named(folder: Path) -> None:
    (folder / "masks" / "00000.png").unlink()
    for name in ("00002.png", "00003.png"):
        (folder / "images" / name).write_bytes((folder / "images" / "00000.png").read_bytes())
    with (folder / "tags.csv").open("a") as file:
        file.write("gone.png,cat\n00003.png,zebra\n")
    dataset = read_dataset(folder)
    assert [example.image.name for example in dataset.examples] == ["00001.png"]
    assert [
        ("gone.png" in p, "no mask" in p, "no tags" in p, "zebra" in p) for p in dataset.problems
    ] == [
        (True, False, False, False),
        (False, True, False, False),
        (False, False, True, False),
        (False, False, False, True),
    ]


@pytest.mark.parametrize("missing", ["tags.csv", "classes.txt"])
def test_missing_parts_are_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(UserError, match=missing):
        read_dataset(folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone' is not a folder"):
        read_dataset(tmp_path / "gone")


@pytest.mark.parametrize("text", ["", "\n", "cat\ncat\n", "cat\nCat\n", "cat\n\ndog\n"])
def test_bad_class_lists(tmp_path: Path, text: str) -> None:
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(UserError, match="1 to 254 different"):
        read_classes(tmp_path / "classes.txt")


def test_images_folder(folder: Path) -> None:
    assert images_folder(folder) == folder / "images"
    assert images_folder(folder / "images") == folder / "images"


def test_masks_beside_the_images_are_no_images(folder: Path) -> None:
    for name in ("classes.txt", "tags.csv"):
        (folder / name).unlink()
        assert images_folder(folder) == folder / "images"
    (folder / "masks").rename(folder / "more")
    assert images_folder(folder) == folder


def test_without_a_class_list_the_given_classes_count(folder: Path) -> None:
    assert read_dataset(folder, ("dog",)).classes == ("cat", "stop sign")
    (folder / "classes.txt").unlink()
    dataset = read_dataset(folder, ("cat", "stop sign"))
    assert (len(dataset.examples), dataset.problems) == (2, ())


def test_names_match_by_path_file_name_or_stem() -> None:
    top = Path("top")
    images = [top / "a.png", top / "x" / "a.png", top / "x" / "b.jpg", top / "café.png"]
    decomposed = unicodedata.normalize("NFD", "café.png")
    table = {"a.png": ("1",), "x/a.png": ("2",), "b": ("3",), decomposed: ("4",), "a": ("5",)}
    found, missing = match_tags(images, top, table)
    assert match_tags(images, top, {"top/x/b.jpg": ("6",)}) == ({images[2]: ("6",)}, ())
    assert found == dict(zip(images, [("1",), ("2",), ("3",), ("4",)], strict=True))
    assert missing == ("a",)
