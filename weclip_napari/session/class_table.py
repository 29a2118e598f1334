"""The classes of a folder: names, label ids and colours that stay the same for all its images."""

from __future__ import annotations

import colorsys
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

VERSION = 1

# Twenty colours that stay apart from each other on a photograph; later ids get a hue of their own.
_COLORS = (
    "e6194b 3cb44b ffe119 4363d8 f58231 911eb4 42d4f4 f032e6 bfef45 fabed4 "
    "469990 dcbeff 9a6324 fffac8 800000 aaffc3 808000 ffd8b1 000075 a9a9a9"
).split()

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelClass:
    """One class of a folder: its label id (1 to 254), name and colour (red, green, blue)."""

    id: int
    name: str
    color: Color


class ClassTable:
    """The classes of a folder in the order of their label ids.

    Parameters
    ----------
    classes
        The classes to start with; ids and names (upper and lower case alike) must differ.
    """

    def __init__(self, classes: Iterable[LabelClass] = ()) -> None:
        self._by_id: dict[int, LabelClass] = {}
        for label_class in classes:
            self._add(label_class)

    def __iter__(self) -> Iterator[LabelClass]:
        """Go through the classes by ascending label id."""
        return iter(sorted(self._by_id.values(), key=lambda label_class: label_class.id))

    def __len__(self) -> int:
        """Count the classes."""
        return len(self._by_id)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all classes by ascending label id."""
        return tuple(label_class.name for label_class in self)

    def find(self, name: str) -> LabelClass | None:
        """Find a class by its name, upper and lower case alike."""
        folded = name.casefold()
        return next((item for item in self if item.name.casefold() == folded), None)

    def ensure(self, name: str) -> LabelClass:
        """Find a class by its name, or add it with the next free label id.

        Raises
        ------
        UserError
            When all 254 label ids of an 8-bit mask are taken.
        """
        known = self.find(name)
        if known is not None:
            return known
        label_id = next((i for i in range(1, IGNORE) if i not in self._by_id), None)
        if label_id is None:
            raise UserError(f"No label id is free for '{name}': a mask holds at most 254 classes.")
        added = LabelClass(label_id, name, default_color(label_id))
        self._add(added)
        return added

    def take_over(self, others: Iterable[LabelClass]) -> None:
        """Add the classes that another table has besides.

        Raises
        ------
        UserError
            When a label id or a name stands for something else there.
        """
        for other in others:
            ours = self._by_id.get(other.id) or self.find(other.name)
            if ours is None:
                self._add(other)
            elif (ours.id, ours.name.casefold()) != (other.id, other.name.casefold()):
                raise UserError(
                    f"Label id {ours.id} is '{ours.name}' here, but another window has stored "
                    f"{other.id} as '{other.name}'. Open the folder again in one of them."
                )

    def _add(self, label_class: LabelClass) -> None:
        if not BACKGROUND < label_class.id < IGNORE:
            raise ValueError(f"label id {label_class.id} is not between 1 and 254")
        if label_class.id in self._by_id or self.find(label_class.name) is not None:
            raise ValueError(f"class {label_class.id} '{label_class.name}' appears twice")
        self._by_id[label_class.id] = label_class


def default_color(label_id: int) -> Color:
    """Give the colour of a label id that has none of its own."""
    if label_id <= len(_COLORS):
        red, green, blue = bytes.fromhex(_COLORS[label_id - 1])
        return red, green, blue
    rgb = colorsys.hsv_to_rgb(label_id * 0.618034 % 1.0, 0.75, 0.95)
    return round(255 * rgb[0]), round(255 * rgb[1]), round(255 * rgb[2])


def parse_tags(text: str, known: Iterable[str] = ()) -> tuple[str, ...]:
    """Split typed text into tags at commas and semicolons.

    Parameters
    ----------
    text
        What the user typed, such as ``"dog, traffic light"``.
    known
        Class names whose spelling wins over a tag that differs only in upper and lower case.

    Returns
    -------
    tuple of str
        The tags in the typed order, each once, with single spaces inside.
    """
    spelling = {name.casefold(): name for name in known}
    tags: dict[str, str] = {}
    for part in text.replace(";", ",").split(","):
        tag = " ".join(part.split())
        if tag:
            tags.setdefault(tag.casefold(), spelling.get(tag.casefold(), tag))
    return tuple(tags.values())


def read_class_table(path: str | os.PathLike[str]) -> ClassTable:
    """Read ``classes.json``; a file that does not exist is an empty table.

    Raises
    ------
    UserError
        When the file is not such a table or was written by a newer version.
    """
    source = Path(path)
    if not source.exists():
        return ClassTable()
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        version = int(content["version"])
        classes = [_class_from_json(entry) for entry in content["classes"]]
        table = ClassTable(classes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source} is not a readable class table ({error}). "
            "Mend it, or move it away to start with an empty one."
        ) from error
    if version > VERSION:
        raise UserError(
            f"{source} was written by a newer weclip-napari (version {version}). Update the plugin."
        )
    return table


def write_class_table(path: str | os.PathLike[str], table: ClassTable) -> None:
    """Write ``classes.json`` in one step.

    Raises
    ------
    OSError
        When the folder cannot be written to.
    """
    entries = [{"id": c.id, "name": c.name, "color": list(c.color)} for c in table]
    content = {"version": VERSION, "classes": entries}
    write_text_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _class_from_json(entry: dict[str, Any]) -> LabelClass:
    red, green, blue = (int(channel) for channel in entry["color"])
    return LabelClass(int(entry["id"]), str(entry["name"]), (red, green, blue))
