from __future__ import annotations

from pathlib import Path

import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.tags import format_tags, parse_tag_cell, read_tags, write_tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        ("cat dog", ("cat", "dog")),
        ("cat; potted  plant", ("cat", "potted plant")),
        ("stop sign;", ("stop sign",)),
        (" cat ; cat;; dog ", ("cat", "dog")),
    ],
)
def test_typed_tags(text: str, tags: tuple[str, ...]) -> None:
    assert parse_tag_cell(text) == tags
    assert parse_tag_cell(format_tags(tags)) == tags


def test_round_trip(tmp_path: Path) -> None:
    table = {"a, b 'c' \"d\".png": ("stop sign",), "猫.jpg": ("cat", "ネコ"), "none.png": ()}
    write_tags(tmp_path / "tags.csv", table)
    assert read_tags(tmp_path / "tags.csv") == table


@pytest.mark.parametrize(
    "text",
    [
        "image,tags\na.png,cat dog\n",
        "\ufeffimage,tags\r\na.png,cat dog\r\n\r\n",
        "Image;Tags\na.png;cat dog\n",
        'image;tags\na.png;"cat;dog"\n',
        "image\tsource\ttags\na.png\tweb\tcat;dog\n",
        "image,tags\na.png,cat\na.png,dog\n",
    ],
)
def test_dialects(tmp_path: Path, text: str) -> None:
    (tmp_path / "tags.csv").write_text(text, encoding="utf-8", newline="")
    assert read_tags(tmp_path / "tags.csv") == {"a.png": ("cat", "dog")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,tags\nä.png,cat\n".encode("latin-1"), r"tags.csv' is not UTF-8 .*CSV UTF-8"),
        ("image,tags\na.png,cat\n".encode("utf-16"), r"tags.csv' is not UTF-8"),
        (b"a.png,cat\n", r"tags.csv' has no columns .*image,tags"),
        (b"", r"tags.csv' has no columns"),
        (b"image,tags\n" + b"a" * 200_000 + b",b\n", r"tags.csv' is not a CSV file"),
    ],
)
def test_bad_files_say_what_to_do(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "tags.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_tags(tmp_path / "tags.csv")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone.csv' does not exist"):
        read_tags(tmp_path / "gone.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_tags(tmp_path)
