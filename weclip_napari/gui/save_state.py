"""What the panel says about the open image's safety."""

from __future__ import annotations

from enum import StrEnum


class SaveState(StrEnum):
    """Whether the open image's work is on the disk."""

    EMPTY = "empty"
    """No image is open, or there is nothing to save yet."""
    SAVED = "saved"
    UNSAVED = "unsaved"
    SAVING = "saving"
    FAILED = "failed"
    READ_ONLY = "read-only"
