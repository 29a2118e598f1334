"""What is known of one image, in memory, and the sidecar that says it on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from weclip_napari.session.sidecar import Measures, Sidecar, decode_runs, encode_runs
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Annotation:
    """What is known of one image.

    Attributes
    ----------
    mask
        Label ids, (H, W) uint8: 0 background, 255 ignore.
    human
        Pixels that a person drew, (H, W) bool.
    tags, negative_tags
        What is in the image and what is not.
    state
        How far the work has come.
    model
        Fingerprint of the model that made the last proposal; empty without one.
    measures
        How sure that model was.
    created, saved
        When the annotation was first and last saved, ISO 8601 in UTC; empty before.
    """

    mask: Mask
    human: Flags
    tags: tuple[str, ...] = ()
    negative_tags: tuple[str, ...] = ()
    state: State = State.TODO
    model: str = ""
    measures: Measures | None = None
    created: str = ""
    saved: str = ""


def describe(annotation: Annotation, png: bytes | None, stored: Sidecar | None) -> Sidecar:
    """Say what belongs to a mask file of these bytes, and to the one before it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    counts = Image.fromarray(annotation.mask).histogram()
    digest = None if png is None else digest_of(png)
    return Sidecar(
        tags=annotation.tags,
        negative_tags=annotation.negative_tags,
        state=annotation.state,
        model=annotation.model,
        measures=annotation.measures,
        created=annotation.created or (stored.created if stored else "") or now,
        saved=now,
        size=(annotation.mask.shape[0], annotation.mask.shape[1]),
        mask_sha256=digest,
        human_runs=encode_runs(annotation.human),
        label_ids={label_id: count for label_id, count in enumerate(counts) if label_id and count},
        before=stored if stored and stored.mask_sha256 != digest else None,
    )


def without_mask(sidecar: Sidecar, size: tuple[int, int]) -> Annotation:
    """Give the annotation of an image of this (height, width) that has no mask."""
    mask, human = np.zeros(size, np.uint8), np.zeros(size, bool)
    record = record_without_mask(sidecar)
    return _annotation(record, mask, human, record.state or State.TODO)


def record_without_mask(sidecar: Sidecar) -> Sidecar:
    """Give what holds while there is no mask; of a mask that was taken away, the tags are kept."""
    record = sidecar.of_mask(None)
    if record is not None:
        return record
    state = State.SKIPPED if sidecar.state is State.SKIPPED else State.TODO
    return replace(
        sidecar, state=state, model="", measures=None, mask_sha256=None, label_ids={}, before=None
    )


def with_mask(sidecar: Sidecar, mask: Mask, digest: str) -> Annotation:
    """Give the annotation of an image with this mask, read from a file of this digest."""
    record = sidecar.of_mask(digest)
    if record is None:
        foreign = replace(sidecar, model="", measures=None)
        return _annotation(foreign, mask, np.ones(mask.shape, bool), State.EDITED)
    human = decode_runs(record.human_runs, mask.shape)
    state = record.state or derived_state(bool(human.any()), bool(mask.any()))
    return _annotation(record, mask, human, state)


def derived_state(any_human: bool, any_label: bool) -> State:
    """Tell the state from the mask where no sidecar does."""
    if any_human:
        return State.EDITED
    return State.PROPOSED if any_label else State.TODO


def _annotation(sidecar: Sidecar, mask: Mask, human: Flags, state: State) -> Annotation:
    return Annotation(
        mask,
        human,
        sidecar.tags,
        sidecar.negative_tags,
        state,
        sidecar.model,
        sidecar.measures,
        sidecar.created,
        sidecar.saved,
    )


def digest_of(data: bytes) -> str:
    """Give the SHA-256 of the content of a file."""
    return hashlib.sha256(data).hexdigest()
