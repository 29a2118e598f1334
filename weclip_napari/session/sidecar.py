"""What a mask cannot hold, as JSON beside it: tags, state, who drew each pixel, the model's doubts.

Mask and sidecar are two files, so a crash can come between them. The sidecar is therefore written
first and carries what was known of the mask before (``before``): whichever of the two masks a
reader finds, the sidecar tells what belongs to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.file_errors import read_bytes
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

VERSION = 2


@dataclass(frozen=True)
class Measures:
    """How sure the model is of its proposal.

    Attributes
    ----------
    uncertainty
        Mean over the pixels, in [0, 1].
    disagreement
        Share of pixels on which the CAM and the decoder differ; None without a decoder.
    tags_without_evidence
        Tags of the image that the model cannot find in it.
    evidence_without_tag
        Classes that the model finds in the image though nobody said so.
    """

    uncertainty: float
    disagreement: float | None = None
    tags_without_evidence: tuple[str, ...] = ()
    evidence_without_tag: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sidecar:
    """What the sidecar of one image says.

    Attributes
    ----------
    tags, negative_tags
        What a person says is in the image, and what is not.
    state
        How far the work has come; None where a file of version 1 does not say.
    model
        Fingerprint of the model that proposed the mask; empty without a proposal.
    measures
        How sure that model was.
    created, saved
        When the annotation was first and last saved, ISO 8601 in UTC.
    size
        (height, width) of the mask.
    mask_sha256
        Digest of the mask file that this belongs to; None when there is none.
    human_runs
        Pixels that a person drew, see `encode_runs`.
    label_ids
        Pixel counts of the label ids in the mask but 0; None where a file of version 1 does not
        say.
    before
        What belongs to the mask that this one was to replace.
    """

    tags: tuple[str, ...] = ()
    negative_tags: tuple[str, ...] = ()
    state: State | None = None
    model: str = ""
    measures: Measures | None = None
    created: str = ""
    saved: str = ""
    size: tuple[int, int] | None = None
    mask_sha256: str | None = None
    human_runs: tuple[int, ...] | None = None
    label_ids: dict[int, int] | None = None
    before: Sidecar | None = None

    def of_mask(self, digest: str | None) -> Sidecar | None:
        """Give what belongs to the mask file of this digest; None when that is not known."""
        if self.mask_sha256 == digest:
            return self
        return self.before if self.before and self.before.mask_sha256 == digest else None


def read_sidecar(path: Path) -> Sidecar | None:
    """Read a sidecar of this or an older version; None when there is none.

    Raises
    ------
    UserError
        When the file is damaged or was written by a newer version.
    """
    data = read_bytes(path)
    if data is None:
        return None
    try:
        content = json.loads(data)
        version = int(content["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a readable sidecar ({error}). Move it away to open the mask alone."
        ) from error
    if version > VERSION:
        raise UserError(
            f"{path} was written by a newer weclip-napari (version {version}). Update the plugin."
        )
    return _from_json(content)


def write_sidecar(path: Path, image: str, sidecar: Sidecar) -> None:
    """Write a sidecar in one step; `image` is the image's path inside its folder.

    Raises
    ------
    OSError
        When it cannot be written. What was stored before is then still there.
    """
    name = image.encode("utf-8", "replace").decode("utf-8")  # file names can hold any bytes
    content = {"version": VERSION, "image": name, **_to_json(sidecar)}
    if sidecar.before is not None:
        content["before"] = _to_json(replace(sidecar.before, before=None))
    write_text_atomically(path, json.dumps(content, ensure_ascii=False) + "\n")


def encode_runs(flags: Flags) -> tuple[int, ...]:
    """Lengths of the alternating runs of False and True in row order, False first."""
    flat = np.concatenate([[False], flags.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    bounds = np.concatenate([[0], edges, [flags.size]])
    return tuple(np.diff(bounds).tolist())


def decode_runs(runs: tuple[int, ...] | None, size: tuple[int, int]) -> Flags:
    """Undo `encode_runs` for flags of the given (height, width); all True if that fails."""
    if runs is None or min(runs, default=0) < 0 or sum(runs) != size[0] * size[1]:
        return np.ones(size, bool)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size)


def _to_json(sidecar: Sidecar) -> dict[str, Any]:
    measures = sidecar.measures
    return {
        "tags": sidecar.tags,
        "negative_tags": sidecar.negative_tags,
        "state": sidecar.state,
        "model": sidecar.model,
        "measures": measures and vars(measures),
        "created": sidecar.created,
        "saved": sidecar.saved,
        "size": sidecar.size,
        "mask_sha256": sidecar.mask_sha256,
        "label_ids": sidecar.label_ids,
        "human_runs": sidecar.human_runs,
    }


def _from_json(content: dict[str, Any]) -> Sidecar:
    """Take over what is well-formed; a damaged entry hides neither the mask nor the others."""
    before = content.get("before")
    digest = content.get("mask_sha256")
    return Sidecar(
        tags=_words(content.get("tags")),
        negative_tags=_words(content.get("negative_tags")),
        state=_state(content.get("state")),
        model=_text(content.get("model")),
        measures=_measures(content.get("measures")),
        created=_text(content.get("created")),
        saved=_text(content.get("saved")),
        size=_size(content.get("size")),
        mask_sha256=digest if isinstance(digest, str) else None,
        human_runs=_numbers(content.get("human_runs")),
        label_ids=_counts(content.get("label_ids")),
        before=_from_json(before) if isinstance(before, dict) else None,
    )


def _text(stored: Any) -> str:
    return stored if isinstance(stored, str) else ""


def _words(stored: Any) -> tuple[str, ...]:
    return (
        tuple(word for word in stored if isinstance(word, str)) if isinstance(stored, list) else ()
    )


def _state(stored: Any) -> State | None:
    try:
        return State(stored)
    except ValueError:
        return None


def _size(stored: Any) -> tuple[int, int] | None:
    numbers = _numbers(stored)
    return (numbers[0], numbers[1]) if numbers and len(numbers) == 2 and min(numbers) > 0 else None


def _numbers(stored: Any) -> tuple[int, ...] | None:
    is_list = isinstance(stored, list) and all(isinstance(number, int) for number in stored)
    return tuple(stored) if is_list else None


def _counts(stored: Any) -> dict[int, int] | None:
    try:
        return {int(label_id): int(count) for label_id, count in stored.items()}
    except (AttributeError, TypeError, ValueError):
        return None


def _measures(stored: Any) -> Measures | None:
    try:
        disagreement = stored["disagreement"]
        return Measures(
            float(stored["uncertainty"]),
            None if disagreement is None else float(disagreement),
            _words(stored["tags_without_evidence"]),
            _words(stored["evidence_without_tag"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
