"""Tag -> class -> prompt words -> label id, and the published VOC and COCO class sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEMPLATE = "a clear origami {}."
"""The supplement's prompt."""

PUBLISHED_TEMPLATE = "a clean origami {}."
"""The prompt of the published code, under which its checkpoints were trained."""


@dataclass(frozen=True)
class ClassEntry:
    """One class.

    Attributes
    ----------
    name : str
        What a person types as a tag.
    prompts : tuple of str
        Words put into the template; the mean of their unit embeddings stands for the class.
    """

    name: str
    prompts: tuple[str, ...]


class ClassSet:
    """Classes in the order of their label ids, which start at 1; 0 is background.

    Parameters
    ----------
    entries : sequence of ClassEntry
        The classes; names are compared without case and surrounding blanks.

    Raises
    ------
    UserError
        If two entries share a name.
    """

    def __init__(self, entries: Sequence[ClassEntry]) -> None:
        self.entries = tuple(entries)
        self._by_name = {_key(entry.name): i for i, entry in enumerate(self.entries)}
        if len(self._by_name) < len(self.entries):
            raise UserError("A class is named twice. Remove one of the two from the class list.")

    @classmethod
    def from_names(cls, names: Sequence[str]) -> ClassSet:
        """Build a set whose prompts are the names, or the published words where a name has them."""
        return cls([published_entry(name) for name in names])

    def __len__(self) -> int:
        """Return the number of foreground classes."""
        return len(self.entries)

    def __iter__(self) -> Iterator[ClassEntry]:
        """Iterate over the classes by label id."""
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        """Return whether a class of that name exists."""
        return isinstance(name, str) and _key(name) in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by label id."""
        return tuple(entry.name for entry in self.entries)

    def label_id(self, name: str) -> int:
        """Return the label id, from 1, of a class.

        Raises
        ------
        UserError
            If the set has no such class.
        """
        if name not in self:
            raise UserError(f"Unknown class {name!r}. Known classes: {', '.join(self.names)}.")
        return self._by_name[_key(name)] + 1


def published_entry(tag: str) -> ClassEntry:
    """Return the class of a tag with the published prompt words, or with the tag itself.

    Parameters
    ----------
    tag : str
        A typed tag; ``"person"`` gives "person with clothes,people,human".
    """
    return ClassEntry(tag, (_PUBLISHED_WORDS.get(_key(tag), tag.strip()),))


def _key(name: str) -> str:
    return name.strip().casefold()


def _set(names: str, **words: str) -> ClassSet:
    """Build a set from a ``;`` separated list; ``words`` replace a name (blanks as ``_``)."""
    entries = []
    for name in names.split("; "):
        entries.append(ClassEntry(name, (words.get(name.replace(" ", "_"), name),)))
    return ClassSet(entries)


_PERSON = "person with clothes,people,human"

VOC_CLASSES = _set(
    "aeroplane; bicycle; bird; boat; bottle; bus; car; cat; chair; cow; diningtable; dog; horse; "
    "motorbike; person; pottedplant; sheep; sofa; train; tvmonitor",
    bird="bird avian",
    chair="chair seat",
    person=_PERSON,
    tvmonitor="tvmonitor screen",
)
"""The 20 PASCAL VOC classes with the published prompt words."""

COCO_CLASSES = _set(
    "person; bicycle; car; motorcycle; airplane; bus; train; truck; boat; traffic light; "
    "fire hydrant; stop sign; parking meter; bench; bird; cat; dog; horse; sheep; cow; elephant; "
    "bear; zebra; giraffe; backpack; umbrella; handbag; tie; suitcase; frisbee; skis; snowboard; "
    "sports ball; kite; baseball bat; baseball glove; skateboard; surfboard; tennis racket; "
    "bottle; wine glass; cup; fork; knife; spoon; bowl; banana; apple; sandwich; orange; broccoli; "
    "carrot; hot dog; pizza; donut; cake; chair; couch; potted plant; bed; dining table; toilet; "
    "tv; laptop; mouse; remote; keyboard; cell phone; microwave; oven; toaster; sink; "
    "refrigerator; book; clock; vase; scissors; teddy bear; hair drier; toothbrush",
    person=_PERSON,
    motorcycle="motorbike",
    airplane="aeroplane",
    bird="bird avian",
    backpack="backpack,bag",
    umbrella="umbrella,parasol",
    handbag="handbag,purse",
    tie="necktie",
    snowboard="sknowboard",  # misspelt in the published code, and its checkpoints know it so
    baseball_glove="glove",
    spoon="dessertspoon",
    chair="chair seat",
    couch="sofa",
    potted_plant="pottedplant",
    dining_table="diningtable",
    tv="tvmonitor screen",
    remote="remote control",
    hair_drier="hairdrier,blowdrier",
)
"""The 80 COCO classes under their official names, with the published prompt words."""

VOC_BACKGROUND = tuple(
    "ground land grass tree building wall sky lake water river sea railway railroad keyboard "
    "helmet cloud house mountain ocean road rock street valley bridge sign".split()
)
"""The 25 background words used with PASCAL VOC."""

COCO_BACKGROUND = tuple(word for word in VOC_BACKGROUND if word not in ("keyboard", "sign"))
"""The 23 background words used with COCO, two of whose classes are keyboard and stop sign."""

_PUBLISHED_WORDS = {
    _key(entry.name): entry.prompts[0]
    for classes in (COCO_CLASSES, VOC_CLASSES)
    for entry in classes
}
