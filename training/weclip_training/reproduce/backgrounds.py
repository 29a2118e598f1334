"""Background words that compete with the tags: the supplement's two sets, none, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_napari.core.classes import COCO_BACKGROUND, VOC_BACKGROUND
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.scoring_items import base_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weclip_training.reproduce.report import Row
    from weclip_training.reproduce.study import Study

STAGE = "pseudo_label"
COMMON = ("ground", "grass", "tree", "sky", "water", "wall")
NONE_NOTE = (
    "the only tag of an image has the score 1 whatever the image shows, so that its Grad-CAM is "
    "zero and its pseudo label background"
)


def word_sets(study: Study) -> dict[str, tuple[str, ...]]:
    """Return the sets to compare, by name; those that equal one before them are left out."""
    named = {
        "VOC set (25 words)": VOC_BACKGROUND,
        "COCO set (23, without keyboard and sign)": COCO_BACKGROUND,
        "none": (),
        "the model's own": study.base().config.background_words,
        f"six common words ({', '.join(COMMON)})": COMMON,
        'the word "background" alone': ("background",),
    }
    different: dict[tuple[str, ...], str] = {}
    for name, words in named.items():
        different.setdefault(words, name)
    return {name: words for words, name in different.items()}


def _backgrounds(study: Study) -> Iterator[Row]:
    for name, words in word_sets(study).items():
        yield base_row(study, name, STAGE, remark="" if words else NONE_NOTE, background=words)


BACKGROUNDS = Item(
    "backgrounds",
    "Background words (supplement, section 4): the frozen model's pseudo labels of the images "
    "trained on, without any training.",
    "mIoU %, train",
    _backgrounds,
    scorings=10,
)
