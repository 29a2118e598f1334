"""A folder of images being worked on: which image is open, what is unsaved, what is stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.dataset import (
    CLASSES,
    TAGS,
    images_folder,
    match_tags,
    read_classes,
)
from weclip_napari.session.images import list_images, read_image
from weclip_napari.session.provenance import Provenance
from weclip_napari.session.tags import read_tags

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]


@dataclass
class OpenImage:
    """The image being worked on.

    Attributes
    ----------
    path
        The image file.
    pixels
        The picture, (H, W, 3) uint8 RGB.
    mask
        The mask as it was opened, (H, W) uint8.
    provenance
        Who drew each pixel of the mask.
    tags
        Its tags as they are known on disk: the saved ones, else those of ``tags.csv``.
    """

    path: Path
    pixels: NDArray[np.uint8]
    mask: Mask
    provenance: Provenance
    tags: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.mask.shape[0], self.mask.shape[1]

    @cached_property
    def digest(self) -> str:
        """What tells the picture from any other, the same file with other content included."""
        digest = hashlib.sha256(str(self.pixels.shape).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


class Workspace:
    """A folder of images and their annotations.

    Parameters
    ----------
    folder
        A folder of images, or a data set folder, whose classes and tags are then taken over.

    Raises
    ------
    UserError
        When the folder holds no images, or its classes cannot be read.

    Attributes
    ----------
    problem
        Why the tags that came with the images are missing; empty when they are not.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = images_folder(folder)
        self.images = list_images(self.folder)
        self.store = AnnotationStore(self.folder)
        self.current: OpenImage | None = None
        for name in _listed_classes(Path(folder)):
            self.store.classes.ensure(name)
        self.problem = ""
        self._listed_tags: dict[Path, tuple[str, ...]] = {}
        try:
            self._listed_tags = _listed_tags(Path(folder), self.folder, self.images)
        except UserError as error:  # the images can be worked on without them
            self.problem = str(error)
        self._saved: Annotation | None = None

    def name(self, index: int) -> str:
        """Path of an image inside the folder, with forward slashes."""
        return self.images[index].relative_to(self.folder).as_posix()

    def first_unsaved(self) -> int:
        """Row of the first image without a stored mask; the first of all if every one has one."""
        rows = (i for i, path in enumerate(self.images) if not self.store.mask_path(path).exists())
        return next(rows, 0)

    def open(self, index: int) -> OpenImage:
        """Open an image with its annotation; the one before is let go, saved or not.

        Raises
        ------
        UserError
            When the image or its annotation cannot be read. Then no image is open.
        """
        self.current, self._saved = None, None
        path = self.images[index]
        pixels = read_image(path)
        size = (pixels.shape[0], pixels.shape[1])
        self._saved = self.store.load(path, size)
        saved = self._saved or Annotation(np.zeros(size, np.uint8), np.zeros(size, bool), ())
        tags = saved.tags or self._listed_tags.get(path, ())
        provenance = Provenance(saved.mask, saved.human)
        self.current = OpenImage(path, pixels, saved.mask.copy(), provenance, tags)
        return self.current

    def is_dirty(self, mask: Mask, tags: tuple[str, ...]) -> bool:
        """Whether the open image's mask or tags differ from what is known on disk.

        Where nothing is stored, a mask that a person emptied is still work to keep.
        """
        if self.current is None:
            return False
        if tags != self.current.tags:
            return True
        human = self.current.provenance.human(mask)
        if self._saved is None:
            return bool(mask.any() or human.any())
        return not (
            np.array_equal(mask, self._saved.mask) and np.array_equal(human, self._saved.human)
        )

    def save(self, mask: Mask, tags: tuple[str, ...]) -> Path:
        """Store the open image's mask, (H, W) uint8, with its tags.

        Raises
        ------
        UserError
            When no image is open or the annotation cannot be written; it is then still dirty.
        """
        if self.current is None:
            raise UserError("No image is open. Choose one in the list first.")
        human = self.current.provenance.human(mask)
        annotation = Annotation(mask.copy(), human, tags)
        path = self.store.save(self.current.path, annotation)
        self._saved, self.current.tags = annotation, tags
        return path


def _listed_classes(folder: Path) -> tuple[str, ...]:
    """Read the class names that came with a data set; line i has label id i."""
    path = folder / CLASSES
    return read_classes(path) if path.is_file() else ()


def _listed_tags(folder: Path, top: Path, images: list[Path]) -> dict[Path, tuple[str, ...]]:
    """Read the tags that came with the images."""
    path = folder / TAGS
    return match_tags(images, top, read_tags(path))[0] if path.is_file() else {}
