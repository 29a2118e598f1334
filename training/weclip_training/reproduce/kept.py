"""Units of work that are kept, so that none is done twice."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Kept:
    """What a unit of work gave.

    Attributes
    ----------
    values : dict
        Numbers by name.
    seconds : float
        Time that it took when it was done.
    """

    values: dict[str, float]
    seconds: float


def digest(key: Mapping[str, object]) -> str:
    """Name a unit of work by a short hash of all that decides it."""
    text = json.dumps(key, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_kept(folder: Path, key: Mapping[str, object]) -> bool:
    """Whether a unit of work was done before."""
    return (folder / f"{digest(key)}.json").exists()


def keep(folder: Path, key: Mapping[str, object], work: Callable[[], Mapping[str, float]]) -> Kept:
    """Do a unit of work, or read what it gave when it was done before.

    Parameters
    ----------
    folder
        Made if needed; gets one JSON file for every key.
    key
        All that decides the numbers, as plain JSON values.
    work
        Gives the numbers.

    Raises
    ------
    UserError
        If the file of an earlier time cannot be read.
    """
    path = folder / f"{digest(key)}.json"
    if path.exists():
        return _read(path)
    began = time.monotonic()
    values = {name: float(value) for name, value in work().items()}
    kept = Kept(values, round(time.monotonic() - began, 2))
    folder.mkdir(parents=True, exist_ok=True)
    content = {"key": dict(key), "values": kept.values, "seconds": kept.seconds}
    write_text_atomically(path, json.dumps(content, indent=1, default=str) + "\n")
    return kept


def _read(path: Path) -> Kept:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {str(name): float(value) for name, value in content["values"].items()}
        return Kept(values, float(content["seconds"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' cannot be read ({error}); delete it to work it out anew.") from (
            error
        )
