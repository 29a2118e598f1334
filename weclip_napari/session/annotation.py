"""Saved annotations: a palette PNG and a JSON sidecar per image, in a folder beside the images.

``FOLDER/weclip_masks/NAME.png`` holds the label ids (0 background, 255 ignore) and
``NAME.json`` what a mask cannot: tags, which pixels a person drew, and the digest of the mask it
belongs to. NAME is the image's path inside FOLDER with its suffix (``cats/one.jpg``), so two
images never share a mask. ``classes.json`` names the label ids.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.class_file import read_class_table, write_class_table
from weclip_napari.session.images import MASK_FOLDER
from weclip_napari.session.masks import read_mask, write_mask

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from weclip_napari.session.class_table import LabelClass

    Mask = NDArray[np.uint8]
    Flags = NDArray[np.bool_]

CLASS_FILE = "classes.json"
VERSION = 1


@dataclass(frozen=True)
class Annotation:
    """What is known of one image.

    Attributes
    ----------
    mask
        Label ids, (H, W) uint8: 0 background, 255 ignore.
    human
        Pixels that a person drew, (H, W) bool.
    tags
        The image's tags.
    """

    mask: Mask
    human: Flags
    tags: tuple[str, ...]


class AnnotationStore:
    """The annotations of one folder of images.

    Parameters
    ----------
    folder
        The folder that holds the images.

    Raises
    ------
    UserError
        When the folder's class table cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.classes = read_class_table(self.class_path)

    @property
    def class_path(self) -> Path:
        """Where the class table is stored."""
        return self.folder / MASK_FOLDER / CLASS_FILE

    def ensure_class(self, name: str) -> LabelClass:
        """Find a class by its name, or add and store it at once.

        Other windows on the folder then know its label id before they give it to another class.
        Where the table cannot be written, saving a mask will tell.

        Raises
        ------
        UserError
            When all label ids are taken, the stored table cannot be read, or it gives a label id
            of ours to another class.
        """
        self.classes.take_over(read_class_table(self.class_path))
        found = self.classes.find(name)
        if found is None:
            found = self.classes.ensure(name)
            with contextlib.suppress(OSError):
                self._write_classes()
        return found

    def mask_path(self, image: Path) -> Path:
        """Where the mask of an image is stored."""
        relative = image.relative_to(self.folder)
        return self.folder / MASK_FOLDER / relative.with_name(relative.name + ".png")

    def sidecar_path(self, image: Path) -> Path:
        """Where the sidecar of an image is stored."""
        return self.mask_path(image).with_suffix(".json")

    def is_saved(self, image: Path) -> bool:
        """Whether a mask of the image is stored."""
        return self.mask_path(image).exists()

    def load(self, image: Path, size: tuple[int, int]) -> Annotation | None:
        """Load the annotation of an image of the given (height, width).

        A mask without a fitting sidecar (drawn elsewhere, or a crash between the two files) counts
        as drawn by a person altogether, so that no proposal replaces any of it.

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
        if not path.exists():
            return None
        mask = read_mask(path)
        if mask.shape != size:
            raise UserError(
                f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels, its image {size[1]} x "
                f"{size[0]}. Move the mask away or restore the image it was drawn on."
            )
        sidecar = self._read_sidecar(self.sidecar_path(image))
        human = np.ones(size, bool)
        if sidecar.get("mask_sha256") == _digest(path):
            human = _decode_runs(sidecar.get("human_runs"), size)
        return Annotation(mask, human, _tags(sidecar.get("tags")))

    def save(self, image: Path, annotation: Annotation) -> Path:
        """Store an annotation and the class table, and read the mask back to be sure of it.

        Returns
        -------
        Path
            Where the mask was written.

        Raises
        ------
        UserError
            When a file cannot be written or does not read back as it was meant, or another
            window has given label ids of ours to other classes. What was stored before is then
            still there or was replaced by a whole new file.
        """
        path = self.mask_path(image)
        self.classes.take_over(read_class_table(self.class_path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write_classes()
            write_mask(path, annotation.mask)
            self._write_sidecar(image, annotation)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"{path} was not saved: {reason}. Allow writing or free some space, then save."
            ) from error
        if not np.array_equal(read_mask(path), annotation.mask):
            raise UserError(f"{path} does not read back as it was written. Check the disk.")
        return path

    def _write_classes(self) -> None:
        self.class_path.parent.mkdir(parents=True, exist_ok=True)
        write_class_table(self.class_path, self.classes)

    def _write_sidecar(self, image: Path, annotation: Annotation) -> None:
        content = {
            "version": VERSION,
            "image": image.relative_to(self.folder).as_posix(),
            "tags": list(annotation.tags),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            "mask_sha256": _digest(self.mask_path(image)),
            "human_runs": _encode_runs(annotation.human),
        }
        text = json.dumps(content, ensure_ascii=False)
        write_text_atomically(self.sidecar_path(image), text + "\n")

    def _read_sidecar(self, path: Path) -> dict[str, Any]:
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = int(content["version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is not a readable sidecar ({error}). Move it away to open the mask alone."
            ) from error
        if version > VERSION:
            raise UserError(
                f"{path} was written by a newer weclip-napari (version {version}). "
                "Update the plugin."
            )
        return dict(content)


def _tags(stored: Any) -> tuple[str, ...]:
    return tuple(tag for tag in stored if isinstance(tag, str)) if isinstance(stored, list) else ()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _encode_runs(flags: Flags) -> list[int]:
    """Lengths of the alternating runs of False and True in row order, False first."""
    flat = np.concatenate([[False], flags.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    bounds = np.concatenate([[0], edges, [flags.size]])
    return [int(length) for length in np.diff(bounds)]


def _decode_runs(runs: Any, size: tuple[int, int]) -> Flags:
    """Undo `_encode_runs` for flags of the given (height, width); all True if that fails."""
    try:
        values = np.arange(len(runs)) % 2 == 1
        return np.repeat(values, runs).reshape(size)
    except (TypeError, ValueError):
        return np.ones(size, bool)
