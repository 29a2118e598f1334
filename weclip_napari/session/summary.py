"""The few facts of an annotation that tables, filters and counts need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.file_errors import read_bytes
from weclip_napari.session.masks import read_mask
from weclip_napari.session.record import derived_state, digest_of, record_without_mask
from weclip_napari.session.sidecar import Measures, Sidecar, read_sidecar
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.session.annotation import Annotation, AnnotationStore


@dataclass(frozen=True)
class Summary:
    """The facts of one image.

    Attributes
    ----------
    state
        How far the work has come.
    tags, negative_tags
        What is in the image and what is not; the tags of ``tags.csv`` before anything is saved.
    measures
        How sure the model is of its proposal.
    label_ids
        Label ids that the mask holds, 255 included, 0 not.
    problem
        What is wrong with the image or its files, and the remedy; empty when nothing is.
    """

    state: State = State.TODO
    tags: tuple[str, ...] = ()
    negative_tags: tuple[str, ...] = ()
    measures: Measures | None = None
    label_ids: tuple[int, ...] = ()
    problem: str = ""


def summarise(annotation: Annotation) -> Summary:
    """Give the summary of an annotation in memory."""
    return Summary(
        annotation.state,
        annotation.tags,
        annotation.negative_tags,
        annotation.measures,
        _label_ids(annotation.mask),
    )


def read_summary(store: AnnotationStore, image: Path, listed: tuple[str, ...]) -> Summary:
    """Read the summary of an image's files; a mask is decoded only where no sidecar describes it.

    Parameters
    ----------
    store
        Where the annotations are.
    image
        The image file; it is not opened.
    listed
        The tags that came with the image, for as long as it has no sidecar.
    """
    try:
        path = store.mask_path(image)
        png = read_bytes(path)
        sidecar = read_sidecar(store.sidecar_path(image))
        if png is None:
            record = record_without_mask(sidecar) if sidecar else Sidecar(tags=listed)
            return _summary(record, record.state or State.TODO, ())
        return _with_mask(path, png, sidecar or Sidecar(tags=listed))
    except UserError as error:
        return Summary(tags=listed, problem=str(error))


def dump_summary(summary: Summary) -> str:
    """Write a summary without its problem as JSON."""
    measures = summary.measures and list(vars(summary.measures).values())
    return json.dumps(
        [summary.state, summary.tags, summary.negative_tags, measures, summary.label_ids]
    )


def load_summary(content: Any) -> Summary:
    """Undo `dump_summary`, given what the JSON says."""
    state, tags, negative_tags, measures, label_ids = content
    if measures is not None:
        uncertainty, disagreement, without_evidence, without_tag = measures
        measures = Measures(uncertainty, disagreement, tuple(without_evidence), tuple(without_tag))
    return Summary(State(state), tuple(tags), tuple(negative_tags), measures, tuple(label_ids))


def _with_mask(path: Path, png: bytes, sidecar: Sidecar) -> Summary:
    record = sidecar.of_mask(digest_of(png))
    if record is not None and record.state is not None and record.label_ids is not None:
        return _summary(record, record.state, tuple(record.label_ids))
    ids = _label_ids(read_mask(path, png))
    if record is None:
        return Summary(State.EDITED, sidecar.tags, sidecar.negative_tags, None, ids)
    any_human = record.human_runs is None or len(record.human_runs) > 1
    return _summary(record, record.state or derived_state(any_human, bool(ids)), ids)


def _summary(record: Sidecar, state: State, ids: tuple[int, ...]) -> Summary:
    return Summary(state, record.tags, record.negative_tags, record.measures, ids)


def _label_ids(mask: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unique(mask) if i)
