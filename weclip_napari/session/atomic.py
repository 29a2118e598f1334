"""Writing files so that a crash leaves either the old content or the new, never half of one."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path


def write_bytes_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace a file's content in one step.

    The data goes to a temporary file in the same folder, is flushed to the disk, and takes the
    place of `path` by a rename.

    Parameters
    ----------
    path
        The file to create or replace. Its folder must exist.
    data
        The whole new content.

    Raises
    ------
    OSError
        When the folder cannot be written to or the disk is full. `path` is then unchanged.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Replace a file's content with UTF-8 text in one step; see `write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))
