"""What renaming, merging or deleting a class does to the class table and to one annotation.

Every change here is the same whether it is made once or several times, so that `class_journal` can
finish after a crash what it had begun.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.class_table import parse_tags
from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weclip_napari.session.annotation import Annotation
    from weclip_napari.session.class_table import ClassTable, LabelClass
    from weclip_napari.session.sidecar import Measures

    class _Known(Protocol):
        """What is known of an annotation without opening its mask."""

        @property
        def tags(self) -> tuple[str, ...]: ...
        @property
        def negative_tags(self) -> tuple[str, ...]: ...
        @property
        def measures(self) -> Measures | None: ...


@dataclass(frozen=True)
class ClassEdit:
    """One change of a class that saved files must follow.

    Attributes
    ----------
    kind
        What is done.
    label_id, name
        The class, as it was.
    into_id
        What its pixels become: the other class when merged, 0 or 255 when deleted, `label_id`
        itself when renamed.
    into
        What its tags become; empty when they are dropped.
    """

    kind: Literal["rename", "merge", "delete"]
    label_id: int
    name: str
    into_id: int
    into: str

    def __str__(self) -> str:
        """Name the edit in a message."""
        told = {
            "rename": f"Renaming '{self.name}' to '{self.into}'",
            "merge": f"Merging '{self.name}' into '{self.into}'",
            "delete": f"Deleting '{self.name}'",
        }
        return told[self.kind]


@dataclass(frozen=True)
class Touched:
    """How many saved masks hold a class, and how many sidecars an edit of it rewrites."""

    masks: int
    sidecars: int


def rename(classes: ClassTable, label_id: int, name: str) -> ClassEdit:
    """Plan to give a class another name.

    Raises
    ------
    UserError
        When the name is empty, not one tag, or that of another class.
    """
    label_class = _existing(classes, label_id)
    names = parse_tags(name)
    if len(names) != 1:
        raise UserError(f"'{name}' is not one name: type a word, without commas and semicolons.")
    other = classes.find(names[0])
    if other is not None and other.id != label_id:
        raise UserError(f"'{other.name}' is a class already. Merge the two, or type another name.")
    return ClassEdit("rename", label_id, label_class.name, label_id, names[0])


def merge(classes: ClassTable, label_id: int, into_id: int) -> ClassEdit:
    """Plan to make a class part of another one.

    Raises
    ------
    UserError
        When one of them does not exist, or both are the same.
    """
    label_class, into = _existing(classes, label_id), _existing(classes, into_id)
    if label_id == into_id:
        raise UserError(f"'{into.name}' cannot be merged into itself. Choose another class.")
    return ClassEdit("merge", label_id, label_class.name, into_id, into.name)


def delete(classes: ClassTable, label_id: int, fill: int) -> ClassEdit:
    """Plan to delete a class whose pixels become background (0) or ignore (255).

    Raises
    ------
    UserError
        When it does not exist.
    """
    if fill not in (BACKGROUND, IGNORE):
        raise ValueError(f"pixels of a deleted class become 0 or 255, not {fill}")
    return ClassEdit("delete", label_id, _existing(classes, label_id).name, fill, "")


def count(edit: ClassEdit, known: Iterable[tuple[_Known, Iterable[int]]]) -> Touched:
    """Count what an edit touches.

    Parameters
    ----------
    edit
        The edit.
    known
        For each saved annotation its tags and measures, and the label ids of its mask.
    """
    masks = sidecars = 0
    for annotation, label_ids in known:
        is_held = edit.label_id in label_ids
        masks += is_held
        is_rewritten = is_held and edit.into_id != edit.label_id
        sidecars += is_rewritten or names_are_touched(edit, annotation)
    return Touched(masks, sidecars)


def names_are_touched(edit: ClassEdit, annotation: _Known) -> bool:
    """Whether an edit changes tags, negative tags or measures of an annotation."""
    tags = _names_after(edit, annotation.tags)
    negative = _names_after(edit, annotation.negative_tags, but=tags)
    return (tags, negative, _measures_after(edit, annotation.measures)) != (
        annotation.tags,
        annotation.negative_tags,
        annotation.measures,
    )


def annotation_after(edit: ClassEdit, annotation: Annotation) -> Annotation | None:
    """Give an annotation as an edit leaves it; None when it stays as it is.

    Who drew a pixel does not change: a person who painted a merged class meant the other one too,
    and what they painted of a deleted one is no more for the model to decide.
    """
    mask = annotation.mask
    is_moved = edit.into_id != edit.label_id and bool((mask == edit.label_id).any())
    if not is_moved and not names_are_touched(edit, annotation):
        return None
    if is_moved:
        mask = np.where(mask == edit.label_id, np.uint8(edit.into_id), mask)
    tags = _names_after(edit, annotation.tags)
    return replace(
        annotation,
        mask=mask,
        tags=tags,
        negative_tags=_names_after(edit, annotation.negative_tags, but=tags),
        measures=_measures_after(edit, annotation.measures),
    )


def change_table(edit: ClassEdit, classes: ClassTable) -> None:
    """Make an edit in the class table.

    Raises
    ------
    UserError
        When another class has got the new name.
    """
    label_class = classes.by_id(edit.label_id)
    if edit.kind != "rename":
        classes.remove(edit.label_id)
    elif label_class is not None and label_class.name == edit.name:
        classes.replace(replace(label_class, name=edit.into))
    if edit.name.casefold() != edit.into.casefold():
        classes.forget_name(edit.name, edit.into)


def _existing(classes: ClassTable, label_id: int) -> LabelClass:
    label_class = classes.by_id(label_id)
    if label_class is None:
        raise UserError(f"There is no class with label id {label_id} any more. Choose another.")
    return label_class


def _names_after(
    edit: ClassEdit, names: tuple[str, ...], but: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Give names as an edit leaves them; the new one is left out where `but` has it.

    Upper and lower case are alike.
    """
    old, new = edit.name.casefold(), edit.into.casefold()
    unwanted = ("", new) if new in map(str.casefold, but) else ("",)
    kept: dict[str, str] = {}
    for name in names:
        after = edit.into if name.casefold() == old else name
        kept.setdefault(after.casefold(), after)
    return tuple(name for folded, name in kept.items() if folded not in unwanted)


def _measures_after(edit: ClassEdit, measures: Measures | None) -> Measures | None:
    if measures is None:
        return None
    return replace(
        measures,
        tags_without_evidence=_names_after(edit, measures.tags_without_evidence),
        evidence_without_tag=_names_after(edit, measures.evidence_without_tag),
    )
