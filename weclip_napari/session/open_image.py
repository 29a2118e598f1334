"""An image being worked on, as it was read, and what is to be saved of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.session.provenance import Provenance

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from weclip_napari.session.annotation import Annotation, Measures
    from weclip_napari.session.states import State

    Mask = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The work on an image at one moment; nothing that is drawn later changes it.

    Attributes
    ----------
    row, path
        Which image it is.
    annotation
        What is to be saved.
    revision
        `Provenance.revision` at that moment.
    """

    row: int
    path: Path
    annotation: Annotation
    revision: int


@dataclass(frozen=True, eq=False)
class OpenImage:
    """An image with its annotation as it was read.

    Attributes
    ----------
    row, path
        Its place in the folder.
    pixels
        The picture, (H, W, 3) uint8 RGB.
    mask
        The mask, (H, W) uint8; whoever shows the image may paint in it.
    provenance
        Who drew each pixel of the mask.
    digest
        What tells the picture from any other, the same file with other content included.
    stored
        What is on the disk; `mask` of it is never painted in.
    writes
        How often the row had been written when it was read.
    """

    row: int
    path: Path
    pixels: NDArray[np.uint8]
    mask: Mask
    provenance: Provenance
    digest: str
    stored: Snapshot
    writes: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags: the saved ones, else those that came with the image."""
        return self.stored.annotation.tags

    @property
    def negative_tags(self) -> tuple[str, ...]:
        """What a person says is not in it."""
        return self.stored.annotation.negative_tags

    @property
    def state(self) -> State:
        """How far the work on it had come."""
        return self.stored.annotation.state

    @property
    def model(self) -> str:
        """Fingerprint of the model that made the last proposal; empty without one."""
        return self.stored.annotation.model

    @property
    def measures(self) -> Measures | None:
        """How sure that model was."""
        return self.stored.annotation.measures


def open_image(
    row: int, path: Path, pixels: NDArray[np.uint8], annotation: Annotation, writes: int
) -> OpenImage:
    """Make an image ready to be worked on."""
    provenance = Provenance(annotation.mask, annotation.human)
    stored = Snapshot(row, path, annotation, provenance.revision)
    digest = digest_of_pixels(pixels)
    mask = annotation.mask.copy()
    return OpenImage(row, path, pixels, mask, provenance, digest, stored, writes)


def digest_of_pixels(pixels: NDArray[np.uint8]) -> str:
    """Name a picture by its content."""
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def same_bytes(one: Mask, other: Mask) -> bool:
    """Tell quickly whether two masks are alike; eight pixels at once where possible."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    flat, flat_other = one.reshape(-1), other.reshape(-1)
    whole = flat.size - flat.size % 8
    return bool(
        (flat[:whole].view(np.uint64) == flat_other[:whole].view(np.uint64)).all()
        and (flat[whole:] == flat_other[whole:]).all()
    )
