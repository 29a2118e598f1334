"""What to tell the user when a file cannot be read or written."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


def remedy(error: OSError) -> str:
    """Say what to do so that a file can be written."""
    if error.errno in _FULL:
        return "Free some space on the disk."
    if error.errno == errno.ENOENT:
        return "If the folder was moved or renamed, move it back; if its disk is gone, connect it."
    if error.errno in _FORBIDDEN:
        return "Allow writing there, or copy the folder to where you may write."
    if error.errno in _IN_THE_WAY:
        return "Move away what lies there under a name of ours."
    if error.errno == errno.ENAMETOOLONG:
        return "Give the image a shorter name."
    return "Check the disk and that you may write there."


def not_saved(path: Path, error: OSError) -> UserError:
    """Say that a file was not written, why, and what to do."""
    return UserError(f"{path} was not saved: {error.strerror or error}. {remedy(error)}")


def read_bytes(path: Path) -> bytes | None:
    """Read a whole file; None when there is none.

    Raises
    ------
    UserError
        When it cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{path.name} is too long for a file name. Give the image a shorter name."
            ) from error
        raise UserError(
            f"{path} cannot be read ({error.strerror or error}). Check its permissions."
        ) from error
