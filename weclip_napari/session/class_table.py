"""The classes of a folder: names, label ids, colours and prompts, the same for all its images."""

from __future__ import annotations

import colorsys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEYS = tuple("123456789")
"""The number keys that can choose a class to paint with."""

# Twenty colours that stay apart from each other on a photograph; later ids get a hue of their own.
_COLORS = (
    "e6194b 3cb44b ffe119 4363d8 f58231 911eb4 42d4f4 f032e6 bfef45 fabed4 "
    "469990 dcbeff 9a6324 fffac8 800000 aaffc3 808000 ffd8b1 000075 a9a9a9"
).split()

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelClass:
    """One class of a folder.

    Attributes
    ----------
    id
        Its label id, 1 to 254.
    name
        What people type as a tag.
    color
        Red, green and blue, 0 to 255 each.
    synonyms
        Words for the prompt in place of the name, such as "person with clothes,people,human";
        empty for the published words of the name, or the name itself.
    key
        The number key, "1" to "9", that chooses it to paint with; empty for none.
    threshold
        The probability, 0 to 1, below which its pixels become background.
    """

    id: int
    name: str
    color: Color
    synonyms: str = ""
    key: str = ""
    threshold: float = 0.0


@dataclass(frozen=True)
class PromptSettings:
    """How the prompts of a folder are made; None stands for the model's own choice.

    Attributes
    ----------
    template
        The prompt with ``{}`` in place of the words.
    background
        The background words.
    """

    template: str | None = None
    background: tuple[str, ...] | None = None


class ClassTable:
    """The classes of a folder in the order of their label ids. Any thread may call it.

    Parameters
    ----------
    classes
        The classes to start with; ids and names (upper and lower case alike) must differ.
    prompts
        How the prompts are made.

    Attributes
    ----------
    prompts
        How the prompts are made.
    former
        Names that classes had before they were renamed, merged (both to the present name) or
        deleted (to an empty one), case-folded. They live on in lists that came with the images.
    retired
        Label ids of deleted and merged classes, and of pixels without a class. They are given to
        new classes last, so that a mask that the deletion did not reach says nothing wrong.
    """

    def __init__(
        self, classes: Iterable[LabelClass] = (), prompts: PromptSettings | None = None
    ) -> None:
        self.prompts = prompts or PromptSettings()
        self.former: dict[str, str] = {}
        self.retired: set[int] = set()
        self._by_id: dict[int, LabelClass] = {}
        self._changing = threading.RLock()
        for label_class in classes:
            self._add(label_class)

    def __iter__(self) -> Iterator[LabelClass]:
        """Go through the classes, as they are now, by ascending label id."""
        return iter(sorted(self._by_id.values(), key=lambda label_class: label_class.id))

    def __len__(self) -> int:
        """Count the classes."""
        return len(self._by_id)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all classes by ascending label id."""
        return tuple(label_class.name for label_class in self)

    def synonyms(self) -> dict[str, str]:
        """Prompt words by class name, for the classes that have some of their own."""
        return {item.name: item.synonyms for item in self if item.synonyms}

    def thresholds(self) -> dict[str, float]:
        """Thresholds by class name, for the classes that have one."""
        return {item.name: item.threshold for item in self if item.threshold > 0}

    def find(self, name: str) -> LabelClass | None:
        """Find a class by its name, upper and lower case alike."""
        folded = name.casefold()
        return next((item for item in self if item.name.casefold() == folded), None)

    def by_id(self, label_id: int) -> LabelClass | None:
        """Find a class by its label id."""
        return self._by_id.get(label_id)

    def by_key(self, key: str) -> LabelClass | None:
        """Find the class of a number key."""
        return next((item for item in self if key and item.key == key), None)

    def present_names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Say names as they are now: renamed and merged ones replaced, deleted ones left out."""
        present = (
            name if self.find(name) else self.former.get(name.casefold(), name) for name in names
        )
        return tuple(dict.fromkeys(name for name in present if name))

    def ensure(self, name: str, label_id: int | None = None) -> LabelClass:
        """Find a class by its name, or add it with the next free label id and number key.

        Parameters
        ----------
        name
            The class to find or to add.
        label_id
            The label id for a new class, if it was never in use here.

        Raises
        ------
        UserError
            When all 254 label ids of an 8-bit mask are taken.
        """
        with self._changing:
            return self.find(name) or self._new(name, label_id)

    def replace(self, label_class: LabelClass) -> None:
        """Put a class in place of the one with its label id; its key is taken from any other.

        Raises
        ------
        UserError
            When its name is empty or that of another class.
        """
        with self._changing:
            other = self.find(label_class.name)
            if not label_class.name.strip():
                raise UserError("A class needs a name. Type one.")
            if other is not None and other.id != label_class.id:
                raise UserError(
                    f"'{other.name}' is a class already. Merge the two, or type another name."
                )
            rival = self.by_key(label_class.key)
            if rival is not None and rival.id != label_class.id:
                self._by_id[rival.id] = replace(rival, key="")
            self._by_id[label_class.id] = label_class

    def remove(self, label_id: int) -> None:
        """Drop a class, if it is there, and retire its label id."""
        with self._changing:
            if self._by_id.pop(label_id, None) is not None:
                self.retire([label_id])

    def retire(self, label_ids: Iterable[int]) -> None:
        """Retire those of some label ids, such as those of a mask, that have no class."""
        self.retired = self.retired.union(label_ids) - self._by_id.keys() - {BACKGROUND, IGNORE}

    def forget_name(self, name: str, present: str) -> None:
        """Note that what was called `name` is now `present`, or nothing if that is empty."""
        old = name.casefold()
        renamed = {
            key: present if now.casefold() == old else now for key, now in self.former.items()
        }
        self.former = renamed | {old: present}

    def _new(self, name: str, label_id: int | None) -> LabelClass:
        free = [i for i in range(1, IGNORE) if i not in self._by_id]
        if not free:
            raise UserError(f"No label id is free for '{name}': a mask holds at most 254 classes.")
        if label_id not in free or label_id in self.retired:
            label_id = min(free, key=lambda i: (i in self.retired, i))
        used = {item.key for item in self}
        key = next((key for key in KEYS if key not in used), "")
        added = LabelClass(label_id, name, default_color(label_id), key=key)
        self._add(added)
        return added

    def _add(self, label_class: LabelClass) -> None:
        if not BACKGROUND < label_class.id < IGNORE:
            raise ValueError(f"label id {label_class.id} is not between 1 and 254")
        if label_class.id in self._by_id or self.find(label_class.name) is not None:
            raise ValueError(f"class {label_class.id} '{label_class.name}' appears twice")
        self._by_id[label_class.id] = label_class
        self.retired.discard(label_class.id)


def default_color(label_id: int) -> Color:
    """Give the colour of a label id that has none of its own."""
    if label_id <= len(_COLORS):
        red, green, blue = bytes.fromhex(_COLORS[label_id - 1])
        return red, green, blue
    rgb = colorsys.hsv_to_rgb(label_id * 0.618034 % 1.0, 0.75, 0.95)
    return round(255 * rgb[0]), round(255 * rgb[1]), round(255 * rgb[2])


def parse_tags(text: str, known: Iterable[str] = ()) -> tuple[str, ...]:
    """Split typed text into tags at commas and semicolons.

    Parameters
    ----------
    text
        What the user typed, such as ``"dog, traffic light"``.
    known
        Class names whose spelling wins over a tag that differs only in upper and lower case.

    Returns
    -------
    tuple of str
        The tags in the typed order, each once, with single spaces inside.
    """
    spelling = {name.casefold(): name for name in known}
    tags: dict[str, str] = {}
    for part in text.replace(";", ",").split(","):
        tag = " ".join(part.split())
        if tag:
            tags.setdefault(tag.casefold(), spelling.get(tag.casefold(), tag))
    return tuple(tags.values())
