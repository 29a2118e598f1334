"""How proposals are made, as far as it is the same for every image of a folder."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_args

from weclip_napari.gui.engine import Branch

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Tuning:
    """What the sliders set besides the thresholds, which belong to the classes.

    Attributes
    ----------
    branch
        Where masks come from.
    background_power
        How strongly the background competes with the tags; None is the model's own.
    """

    branch: Branch = "auto"
    background_power: float | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Tuning:
        """Read what `dataclasses.asdict` gave; what cannot be used stays at its default."""
        known = {field.name: content[field.name] for field in fields(cls) if field.name in content}
        if known.get("branch") not in get_args(Branch):
            known.pop("branch", None)
        if not isinstance(known.get("background_power"), int | float):
            known.pop("background_power", None)
        return cls(**known)
