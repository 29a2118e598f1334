"""What the states of an image are called and which colours they have."""

from __future__ import annotations

from weclip_napari.session.states import State

STATE_NAMES = {
    State.TODO: "to do",
    State.PROPOSED: "proposed",
    State.EDITED: "edited",
    State.ACCEPTED: "accepted",
    State.SKIPPED: "skipped",
}
STATE_COLORS = {
    State.TODO: "#8a8f98",
    State.PROPOSED: "#5b9ee6",
    State.EDITED: "#e6a23c",
    State.ACCEPTED: "#4caf7a",
    State.SKIPPED: "#a98bd6",
}
PROBLEM_COLOR = "#e5605c"
