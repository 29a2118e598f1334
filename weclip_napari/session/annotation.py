"""Saved annotations: a palette PNG and a JSON sidecar per image, in a folder beside the images.

``FOLDER/weclip_masks/NAME.png`` holds the label ids (0 background, 255 ignore) and
``NAME.json`` what a mask cannot, see `weclip_napari.session.sidecar`. NAME is the image's path
inside FOLDER with its suffix (``cats/one.jpg``), so two images never share a mask. An image of
which only tags or the state are known has no PNG yet. ``classes.json`` names the label ids.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_bytes_atomically
from weclip_napari.session.class_file import read_class_table, write_class_table
from weclip_napari.session.file_errors import not_saved, read_bytes
from weclip_napari.session.images import MASK_FOLDER
from weclip_napari.session.masks import encode_mask, read_mask
from weclip_napari.session.record import (
    Annotation,
    describe,
    digest_of,
    record_without_mask,
    with_mask,
    without_mask,
)
from weclip_napari.session.sidecar import Measures, Sidecar, read_sidecar, write_sidecar

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from weclip_napari.session.class_table import LabelClass

__all__ = ["Annotation", "AnnotationStore", "Measures"]

CLASS_FILE = "classes.json"


class AnnotationStore:
    """The annotations of one folder of images. Any thread may call it.

    Parameters
    ----------
    folder
        The folder that holds the images.

    Raises
    ------
    UserError
        When the folder's class table cannot be read.

    Attributes
    ----------
    classes
        The class table.
    lock
        Held while files are read or written; hold it to do several of these as one.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.classes = read_class_table(self.class_path)
        self.lock = threading.RLock()

    @property
    def class_path(self) -> Path:
        """Where the class table is stored."""
        return self.folder / MASK_FOLDER / CLASS_FILE

    def ensure_class(self, name: str) -> LabelClass:
        """Find a class by its name, or add it; it is stored with the next mask.

        Raises
        ------
        UserError
            When all label ids are taken.
        """
        return self.classes.ensure(name)  # without our lock: saving takes a while

    def mask_path(self, image: Path) -> Path:
        """Where the mask of an image is stored."""
        relative = image.relative_to(self.folder)
        return self.folder / MASK_FOLDER / relative.with_name(relative.name + ".png")

    def sidecar_path(self, image: Path) -> Path:
        """Where the sidecar of an image is stored."""
        return self.mask_path(image).with_suffix(".json")

    def load(self, image: Path, size: tuple[int, int] | None = None) -> Annotation | None:
        """Load the annotation of an image.

        A mask without a fitting sidecar (drawn elsewhere) counts as drawn by a person altogether,
        so that no proposal replaces any of it.

        Parameters
        ----------
        image
            The image file; it is not opened.
        size
            Its (height, width); by default what the stored files say.

        Returns
        -------
        Annotation or None
            None when nothing is stored.

        Raises
        ------
        UserError
            When the mask or the sidecar cannot be used.
        """
        path = self.mask_path(image)
        with self.lock:  # the mask first: an older mask fits a newer sidecar, but not the reverse
            png = read_bytes(path)
            sidecar = read_sidecar(self.sidecar_path(image))
        if png is None:
            return without_mask(sidecar, size or sidecar.size or (0, 0)) if sidecar else None
        mask = read_mask(path, png)
        if size is not None and mask.shape != size:
            raise UserError(
                f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels, its image {size[1]} x "
                f"{size[0]}. Move the mask away or restore the image it was drawn on."
            )
        return with_mask(sidecar or Sidecar(), mask, digest_of(png))

    def save(self, image: Path, annotation: Annotation) -> Path:
        """Store an annotation and the class table, and read it back to be sure of it.

        Where nothing is in the mask yet and none is stored, only the sidecar is written.

        Returns
        -------
        Path
            What was written: the mask, or the sidecar alone.

        Raises
        ------
        UserError
            When a file cannot be written or does not read back as it was meant, or the stored
            files were not made by this version or for an image of this size. What was stored
            before can then still be loaded, unless the disk itself is at fault.
        """
        path = self.mask_path(image)
        with self.lock:
            stored = self._stored(image, annotation.mask.shape)
            try:
                self.write_classes()
                path.parent.mkdir(parents=True, exist_ok=True)
                return self._write(image, annotation, stored)
            except OSError as error:
                raise not_saved(path, error) from error

    def rewrite(self, image: Path, change: Callable[[Annotation], Annotation | None]) -> bool:
        """Change a stored annotation, with nobody else reading or writing in between.

        A mask that was drawn elsewhere gets no sidecar by it: what else is known of its image, such
        as listed tags, still holds.

        Parameters
        ----------
        image
            The image file; it is not opened.
        change
            Gives the annotation to store in place of the present one; None to leave it.

        Returns
        -------
        bool
            Whether something was written.

        Raises
        ------
        UserError
            As `load` and `save` do.
        """
        with self.lock:
            stored = self.load(image)
            changed = None if stored is None else change(stored)
            if changed is None:
                return False
            if self.sidecar_path(image).exists():
                self.save(image, changed)
            else:
                self._rewrite_mask(image, changed.mask)
            return True

    def write_classes(self) -> None:
        """Store the class table.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        self.class_path.parent.mkdir(exist_ok=True)  # not its parents: they may have been moved
        write_class_table(self.class_path, self.classes)

    def _stored(self, image: Path, shape: tuple[int, ...]) -> Sidecar | None:
        """Give what belongs to the mask that is stored now; None when nothing is."""
        path = self.mask_path(image)
        png = read_bytes(path)
        sidecar = read_sidecar(self.sidecar_path(image))
        if png is None:
            return record_without_mask(sidecar) if sidecar else None
        before = read_mask(path, png)
        if before.shape != shape:
            raise UserError(
                f"{path} was not saved: a mask of {before.shape[1]} x {before.shape[0]} pixels is "
                f"there, the new one is {shape[1]} x {shape[0]}. Move the old one away, then save."
            )
        sidecar = sidecar or Sidecar()
        return sidecar.of_mask(digest_of(png)) or Sidecar(mask_sha256=digest_of(png))

    def _write(self, image: Path, annotation: Annotation, stored: Sidecar | None) -> Path:
        """Write the sidecar, which fits the mask before as well, and then the mask."""
        path, name = self.mask_path(image), image.relative_to(self.folder).as_posix()
        is_blank = not (annotation.mask.any() or annotation.human.any())
        png = None
        if not is_blank or (stored and stored.mask_sha256):
            png = encode_mask(annotation.mask)
        sidecar = describe(annotation, png, stored)
        write_sidecar(self.sidecar_path(image), name, sidecar)
        if png is None:
            return self.sidecar_path(image)
        if stored is None or stored.mask_sha256 != sidecar.mask_sha256:
            _write_mask(path, png, annotation.mask)
        return path

    def _rewrite_mask(self, image: Path, mask: NDArray[np.uint8]) -> None:
        path = self.mask_path(image)
        try:
            _write_mask(path, encode_mask(mask), mask)
        except OSError as error:
            raise not_saved(path, error) from error


def _write_mask(path: Path, png: bytes, mask: NDArray[np.uint8]) -> None:
    """Write a mask, given its file's bytes as well, and read it back to be sure of it."""
    write_bytes_atomically(path, png)
    if not np.array_equal(read_mask(path), mask):
        raise UserError(f"{path} does not read back as it was written. Check the disk.")
