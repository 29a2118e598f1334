"""Which images of a folder the table shows, and in which order; also the way through them.

This is plain Python, not Qt's sorting: Qt asks back for two values at every comparison, which
takes over half a second for 10,000 images.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from weclip_napari.session.states import REVIEWED, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weclip_napari.session.folder_index import Summary

TAG_PREFIX = "tag:"
_STATE_RANKS = {state: rank for rank, state in enumerate(State)}


class Show(StrEnum):
    """Which images to show."""

    ALL = "all"
    UNREVIEWED = "unreviewed"
    TODO = "todo"
    PROPOSED = "proposed"
    EDITED = "edited"
    ACCEPTED = "accepted"
    SKIPPED = "skipped"
    PROBLEMS = "problems"


class Sort(StrEnum):
    """What the images are ordered by."""

    NAME = "name"
    STATE = "state"
    UNCERTAINTY = "uncertainty"
    DISAGREEMENT = "disagreement"
    TAGS_WITHOUT_EVIDENCE = "tags_without_evidence"
    EVIDENCE_WITHOUT_TAG = "evidence_without_tag"


@dataclass(frozen=True)
class Wanted:
    """What the user wants to see.

    Attributes
    ----------
    show
        Images in these states.
    text
        Images whose name or tags hold this; ``tag:dog`` looks at tags only, at the beginnings of
        their words. After a comma comes another thing that must be found as well.
    sort
        Names and states come in their natural order, measures the largest first.
    is_reversed
        The other way round. Images without the measure come last all the same.
    """

    show: Show = Show.ALL
    text: str = ""
    sort: Sort = Sort.NAME
    is_reversed: bool = False


class Images(Protocol):
    """What is known of a folder's images, by row."""

    def name(self, row: int) -> str:
        """Path inside the folder."""

    def summary(self, row: int) -> Summary:
        """State, tags and measures."""

    def problem(self, row: int) -> str:
        """Tell what is wrong and the remedy; empty when nothing is."""


def arrange(wanted: Wanted, images: Images, count: int) -> list[int]:
    """List the rows to show, in order.

    Parameters
    ----------
    wanted
        What the user wants to see.
    images
        What is known of each row.
    count
        How many rows there are.
    """
    terms = [term.strip().casefold() for term in wanted.text.split(",")]
    terms = [term for term in terms if term]
    rows = [row for row in range(count) if _is_shown(wanted.show, images, row)]
    if terms:
        rows = [row for row in rows if all(_is_found(term, images, row) for term in terms)]
    return _sorted(rows, wanted, images)


def neighbour(order: Sequence[int], row: int, offset: int) -> int | None:
    """Give the row that lies `offset` places further in an order.

    Parameters
    ----------
    order
        Rows as they are shown.
    row
        Where to start from. When it is not shown, one goes to the shown rows after or before it.
    offset
        How far; negative goes back.

    Returns
    -------
    int or None
        None beyond either end.
    """
    if row in order:
        place = order.index(row) + offset
    elif offset > 0:
        after = (i for i, other in enumerate(order) if other > row)
        place = next(after, 0) + offset - 1
    else:
        before = (i for i in reversed(range(len(order))) if order[i] < row)
        place = next(before, len(order) - 1) + offset + 1
    return order[place] if 0 <= place < len(order) else None


def measure(sort: Sort, summary: Summary) -> float | None:
    """Give the number that an image is ordered by; None where it was never measured."""
    measures = summary.measures
    if measures is None:
        return None
    if sort is Sort.UNCERTAINTY:
        return measures.uncertainty
    if sort is Sort.DISAGREEMENT:
        return measures.disagreement
    names = found(sort, summary)
    return None if names is None else float(len(names))


def found(sort: Sort, summary: Summary) -> tuple[str, ...] | None:
    """Give the tags or classes that an image is ordered by; None for any other order."""
    if summary.measures is None:
        return None
    if sort is Sort.TAGS_WITHOUT_EVIDENCE:
        return summary.measures.tags_without_evidence
    if sort is Sort.EVIDENCE_WITHOUT_TAG:
        return summary.measures.evidence_without_tag
    return None


def _is_shown(show: Show, images: Images, row: int) -> bool:
    if show is Show.ALL:
        return True
    if show is Show.PROBLEMS:
        return bool(images.problem(row))
    state = images.summary(row).state
    return state not in REVIEWED if show is Show.UNREVIEWED else state.value == show.value


def _is_found(term: str, images: Images, row: int) -> bool:
    tags = [tag.casefold() for tag in images.summary(row).tags]
    if term.startswith(TAG_PREFIX):
        word = f" {term.removeprefix(TAG_PREFIX).strip()}"
        return any(word in f" {tag}" for tag in tags)
    return term in images.name(row).casefold() or any(term in tag for tag in tags)


def _sorted(rows: list[int], wanted: Wanted, images: Images) -> list[int]:
    if wanted.sort is Sort.NAME:
        return rows[::-1] if wanted.is_reversed else rows
    key: Callable[[int], float | None]
    if wanted.sort is Sort.STATE:
        key = lambda row: _STATE_RANKS[images.summary(row).state]  # noqa: E731
    else:
        key = lambda row: measure(wanted.sort, images.summary(row))  # noqa: E731
    values = {row: value for row in rows if (value := key(row)) is not None}
    is_descending = wanted.is_reversed == (wanted.sort is Sort.STATE)
    # Python keeps equals in the order of names, in both directions.
    known = sorted(values, key=values.__getitem__, reverse=is_descending)
    return known + [row for row in rows if row not in values]
