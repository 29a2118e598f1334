"""How far the work on an image has come."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """How far the work on an image has come, in the order in which it goes."""

    TODO = "todo"
    """Nothing was done but, perhaps, typing tags."""
    PROPOSED = "proposed"
    """The mask is the model's; no pixel of it was drawn by a person."""
    EDITED = "edited"
    """A person has drawn in the mask."""
    ACCEPTED = "accepted"
    """A person has called the mask good."""
    SKIPPED = "skipped"
    """A person has left the image out."""


REVIEWED = frozenset({State.ACCEPTED, State.SKIPPED})
"""What needs no further look."""
