"""What lies in ``weclip_masks``, listed without opening a file."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TEMPORARY = ".tmp"
LEFTOVER_AGE_S = 3600


@dataclass(frozen=True)
class MaskFiles:
    """The files of a mask folder.

    Attributes
    ----------
    stamps
        When and how large each mask and sidecar was last written, by its path inside the folder.
    leftovers
        Unfinished files of a program that was killed; not those that one may be writing now, such
        as a training that runs.
    """

    stamps: dict[str, str] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)

    def stamp(self, name: str) -> str:
        """Tell what the mask and sidecar of an image are like; empty when there are none."""
        return _joined(self.stamps.get(f"{name}.png", ""), self.stamps.get(f"{name}.json", ""))


def scan(folder: Path) -> MaskFiles:
    """List a mask folder with its sub-folders; what cannot be read counts as empty."""
    found = MaskFiles()
    pending = [""]
    while pending:
        branch = pending.pop()
        try:
            with os.scandir(folder / branch) as entries:
                for entry in entries:
                    _note(found, pending, branch + entry.name, entry)
        except OSError:
            continue
    return found


def stamp_of(mask: Path, sidecar: Path) -> str:
    """Tell what one image's mask and sidecar are like, as `MaskFiles.stamp` does."""
    return _joined(_stamp_of_file(mask), _stamp_of_file(sidecar))


def _note(found: MaskFiles, pending: list[str], name: str, entry: os.DirEntry[str]) -> None:
    if entry.is_dir():
        pending.append(f"{name}/")
    elif entry.name.endswith((".png", ".json")):
        with contextlib.suppress(OSError):  # it has just been removed
            found.stamps[name] = _stamp(entry.stat())
    elif entry.name.startswith(".") and entry.name.endswith(TEMPORARY):
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > LEFTOVER_AGE_S:
                found.leftovers.append(entry.path)


def _stamp_of_file(path: Path) -> str:
    try:
        return _stamp(path.stat())
    except OSError:
        return ""


def _stamp(stat: os.stat_result) -> str:
    return f"{stat.st_mtime_ns}:{stat.st_size}"


def _joined(mask: str, sidecar: str) -> str:
    return f"{mask} {sidecar}" if mask or sidecar else ""
