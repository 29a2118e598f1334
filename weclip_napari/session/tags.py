"""Image tags in a CSV file of two columns, ``image`` and ``tags``.

Tags are separated by semicolons (``cat; potted plant``). Where a cell has no semicolon they are
separated by spaces, as in the lists of PASCAL VOC, so a lone tag with a space in it ends in one
(``potted plant;``).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def read_tags(path: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """Read which tags each image has.

    Commas, tabs or (as spreadsheets in many countries write) semicolons separate the columns;
    columns of other names are left alone. An image on several lines gets the tags of all.

    Parameters
    ----------
    path
        A UTF-8 file whose first line names the columns.

    Returns
    -------
    dict
        From image name, as written, to its tags without repetition.

    Raises
    ------
    UserError
        When the file is missing, not UTF-8, or lacks one of the two columns.
    """
    table: dict[str, tuple[str, ...]] = {}
    try:
        for name, cell in _rows(path, _read_text(path)):
            table[name] = unique([*table.get(name, ()), *parse_tag_cell(cell)])
    except csv.Error as error:
        raise UserError(f"'{path}' is not a CSV file ({error}); save it as CSV.") from error
    return table


def write_tags(path: str | os.PathLike[str], table: Mapping[str, Sequence[str]]) -> None:
    """Write a tags file that `read_tags` reads back, in one step."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "tags"])
    writer.writerows([name, format_tags(tags)] for name, tags in table.items())
    write_text_atomically(path, text.getvalue())


def parse_tag_cell(text: str) -> tuple[str, ...]:
    """Split a cell of the tags file: at semicolons if there are any, else at spaces."""
    parts = text.split(";") if ";" in text else text.split()
    return unique(" ".join(part.split()) for part in parts)


def format_tags(tags: Sequence[str]) -> str:
    """Join tags so that `parse_tag_cell` gives them back."""
    lone_with_space = len(tags) == 1 and " " in tags[0]
    return f"{tags[0]};" if lone_with_space else ";".join(tags)


def unique(tags: Iterable[str]) -> tuple[str, ...]:
    """Drop empty and repeated tags, keeping the order."""
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _read_text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"'{path}' does not exist; check the name.") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"'{path}' is not UTF-8 (byte {error.start}); save it as 'CSV UTF-8'."
        ) from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}); name a CSV file.") from error


def _rows(path: str | os.PathLike[str], text: str) -> Iterator[tuple[str, str]]:
    """Yield image name and tags cell of every line that has a name."""
    header = text.partition("\n")[0]
    delimiter = next((mark for mark in ",\t;" if mark in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [name.strip().lower() for name in next(reader, [])]
    if "image" not in columns or "tags" not in columns:
        raise UserError(
            f"'{path}' has no columns 'image' and 'tags'; make its first line: image,tags"
        )
    image, tags = columns.index("image"), columns.index("tags")
    for row in reader:
        name = row[image].strip() if len(row) > image else ""
        if name:
            yield name, row[tags] if len(row) > tags else ""
