"""Taking over classes from another folder or a text file, and giving them out as one.

The text has a class on each line: its name, or ``name: words for the prompt``, such as
``person: person with clothes,people,human``. Empty lines and those that begin with ``#`` are left
out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.class_file import read_class_table
from weclip_napari.session.class_table import LabelClass, PromptSettings, parse_tags
from weclip_napari.session.images import MASK_FOLDER
from weclip_napari.session.masks import IGNORE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from weclip_napari.session.class_table import ClassTable

CLASS_FILE = "classes.json"
MAX_CLASSES = IGNORE - 1
CLASS_LIST = "classes.txt"


@dataclass(frozen=True)
class Template:
    """A class to be taken over: its name, prompt words, and all of it if another folder had it."""

    name: str
    synonyms: str = ""
    original: LabelClass | None = None


@dataclass(frozen=True)
class Imported:
    """How many classes were added, and how many of those that were there got other words."""

    added: int
    changed: int


def read_class_list(path: str | os.PathLike[str]) -> tuple[Template, ...]:
    """Read classes from a text file.

    Raises
    ------
    UserError
        When it cannot be read, names no class, or a line is not a class.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be read ({error.strerror}); choose a text file."
        ) from error
    templates = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            templates.append(_parse_line(line, f"line {number} of '{path}'"))
    if not templates:
        raise UserError(f"'{path}' names no class; write one on each line, such as: dog")
    return tuple({item.name.casefold(): item for item in templates}.values())


def write_class_list(path: str | os.PathLike[str], classes: Iterable[LabelClass]) -> None:
    """Write classes as a text file that `read_class_list` reads, in one step.

    Raises
    ------
    UserError
        When it cannot be written.
    """
    lines = [f"{c.name}: {c.synonyms}" if c.synonyms else c.name for c in classes]
    try:
        write_text_atomically(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(
            f"'{path}' was not written ({error.strerror}); choose another place."
        ) from error


def read_templates(
    path: str | os.PathLike[str],
) -> tuple[tuple[Template, ...], PromptSettings]:
    """Read classes, and the prompts that belong to them, from whatever a person chose.

    Parameters
    ----------
    path
        An annotated folder, a folder with a ``classes.txt``, a ``classes.json``, or a text file.

    Raises
    ------
    UserError
        When no classes can be read there.
    """
    place = Path(path)
    candidates = (place / MASK_FOLDER / CLASS_FILE, place / CLASS_FILE, place / CLASS_LIST, place)
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise UserError(
            f"'{place}' holds no classes: there is no {MASK_FOLDER}/{CLASS_FILE} and no "
            f"{CLASS_LIST}. Choose a folder that was annotated, or a text file of classes."
        )
    if found.suffix.lower() != ".json":
        return read_class_list(found), PromptSettings()
    table = read_class_table(found)
    return tuple(Template(item.name, item.synonyms, item) for item in table), table.prompts


def import_classes(table: ClassTable, templates: Sequence[Template]) -> Imported:
    """Add classes to a table; those that are there by name only take over other prompt words.

    New ones keep the label id, colour and threshold that they had in another folder where these
    are free, and get the next free number key.

    Raises
    ------
    UserError
        When the label ids do not suffice; nothing is changed then.
    """
    new = [item for item in templates if table.find(item.name) is None]
    if len(table) + len(new) > MAX_CLASSES:
        raise UserError(
            f"{len(table)} classes and {len(new)} new ones are more than the {MAX_CLASSES} that a "
            "mask can hold. Delete some, or import a shorter list."
        )
    changed = sum(_take_words(table, item) for item in templates)
    for item in sorted(new, key=lambda item: not _may_keep_id(table, item)):
        _add(table, item)
    return Imported(len(new), changed)


def _may_keep_id(table: ClassTable, item: Template) -> bool:
    return item.original is not None and table.by_id(item.original.id) is None


def _take_words(table: ClassTable, item: Template) -> bool:
    """Give a class of the table other prompt words; whether it is there and had different ones."""
    known = table.find(item.name)
    if known is None or not item.synonyms or known.synonyms == item.synonyms:
        return False
    table.replace(replace(known, synonyms=item.synonyms))
    return True


def _add(table: ClassTable, item: Template) -> None:
    original = item.original
    added = table.ensure(item.name, None if original is None else original.id)
    if original is not None:
        added = replace(added, color=original.color, threshold=original.threshold)
    table.replace(replace(added, synonyms=item.synonyms))


def _parse_line(line: str, place: str) -> Template:
    name, _, words = f"{line} ".partition(": ")
    names = parse_tags(name)
    if len(names) != 1 or "," in name or ";" in name:
        raise UserError(
            f"{place} is not a class: '{line.strip()}'. Write one name, such as 'dog', or "
            "'dog: words for the prompt'."
        )
    return Template(names[0], " ".join(words.split()))
