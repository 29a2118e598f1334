"""Everything that can be reproduced, by the name that is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_training.reproduce.adaptation import ADAPTATION
from weclip_training.reproduce.backgrounds import BACKGROUNDS
from weclip_training.reproduce.features import FIGURE2
from weclip_training.reproduce.labels import LABELS
from weclip_training.reproduce.panel import FIGURE1
from weclip_training.reproduce.scoring_items import TABLE1, TABLE5
from weclip_training.reproduce.training_items import FIGURE3, TABLE2, TABLE3, TABLE4
from weclip_training.reproduce.validation import VAL

if TYPE_CHECKING:
    from weclip_training.reproduce.item import Item

ITEMS: dict[str, Item] = {
    item.name: item
    for item in (
        TABLE2,
        TABLE3,
        TABLE4,
        FIGURE3,
        TABLE1,
        TABLE5,
        VAL,
        BACKGROUNDS,
        LABELS,
        FIGURE1,
        FIGURE2,
        ADAPTATION,
    )
}
"""In the order of `all`: what trains most comes first, so that others find its runs done."""
