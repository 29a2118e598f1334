"""Reading and writing ``classes.json``, the class table of a folder."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.class_table import KEYS, ClassTable, LabelClass, PromptSettings

if TYPE_CHECKING:
    import os

VERSION = 2

_WRITING = threading.Lock()


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
        table = _table_from_json(content) if version <= VERSION else ClassTable()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
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
    """Write ``classes.json`` in one step, one thread after the other, unless it is the same.

    Raises
    ------
    OSError
        When the folder cannot be written to.
    """
    with _WRITING:
        text = json.dumps(_table_to_json(table), indent=1, ensure_ascii=False) + "\n"
        if not _holds(Path(path), text):
            write_text_atomically(path, text)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode("utf-8")
    except OSError:
        return False


def _table_to_json(table: ClassTable) -> dict[str, Any]:
    background = table.prompts.background
    return {
        "version": VERSION,
        "classes": [asdict(label_class) for label_class in table],
        "template": table.prompts.template,
        "background": None if background is None else list(background),
        "former": table.former,
        "retired": sorted(table.retired),
    }


def _table_from_json(content: dict[str, Any]) -> ClassTable:
    """Make a table of version 1 (without prompts, keys and thresholds) or 2."""
    classes = [_class_from_json(entry) for entry in content["classes"]]
    if int(content["version"]) == 1:
        keys = dict(zip(sorted(item.id for item in classes), KEYS, strict=False))
        classes = [replace(item, key=keys.get(item.id, "")) for item in classes]
    template, background = content.get("template"), content.get("background")
    prompts = PromptSettings(
        None if template is None else str(template),
        None if background is None else tuple(str(word) for word in background),
    )
    table = ClassTable(classes, prompts)
    table.former = {str(old): str(now) for old, now in content.get("former", {}).items()}
    table.retired = {int(label_id) for label_id in content.get("retired", [])}
    return table


def _class_from_json(entry: dict[str, Any]) -> LabelClass:
    red, green, blue = (int(channel) for channel in entry["color"])
    key = str(entry.get("key", ""))
    return LabelClass(
        int(entry["id"]),
        str(entry["name"]),
        (red, green, blue),
        synonyms=str(entry.get("synonyms", "")),
        key=key if key in KEYS else "",
        threshold=min(max(float(entry.get("threshold", 0.0)), 0.0), 1.0),
    )
