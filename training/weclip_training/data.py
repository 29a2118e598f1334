"""Images to train on: where they come from, their tags, and what is known of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from weclip_napari.core.classes import VOC_CLASSES
from weclip_napari.errors import UserError
from weclip_napari.session.dataset import (
    CLASSES,
    Dataset,
    Example,
    read_classes,
    read_dataset,
)
from weclip_napari.session.masks import IGNORE, read_mask
from weclip_napari.session.voc_tree import is_voc_tree, read_voc_tree
from weclip_training.augment import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weclip_training.config import DataConfig, Supervision


class TrainImage(Protocol):
    """One image to train on; its files are opened when they are asked for."""

    @property
    def path(self) -> Path:
        """The image file."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Classes that it shows; not needed where every pixel is known."""

    @property
    def is_complete(self) -> bool:
        """Whether every pixel is known, so that no pseudo label is needed."""

    @property
    def has_target(self) -> bool:
        """Whether any pixel may be known."""

    def read_target(self, size: tuple[int, int], classes: int) -> NDArray[np.int16]:
        """Read what is known of the labels.

        Parameters
        ----------
        size
            (H, W) of the image.
        classes
            How many there are; a mask may hold no other label ids.

        Returns
        -------
        ndarray of int16, (H, W)
            Label ids, 255 to ignore, `UNKNOWN` where the pseudo label decides.

        Raises
        ------
        UserError
            When the labels cannot be read, have another size, or hold other label ids.
        """


@dataclass(frozen=True)
class ListedImage:
    """An image of a data set: tags alone, or the mask of all its pixels; see `TrainImage`."""

    path: Path
    tags: tuple[str, ...]
    mask: Path | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every pixel is known."""
        return self.mask is not None

    @property
    def has_target(self) -> bool:
        """Whether any pixel is known."""
        return self.mask is not None

    def read_target(self, size: tuple[int, int], classes: int) -> NDArray[np.int16]:
        """Read the mask; see `TrainImage.read_target`."""
        if self.mask is None:
            return np.full(size, UNKNOWN, np.int16)
        mask = read_mask(self.mask)
        if mask.shape != size:
            raise UserError(
                f"mask '{self.mask}' is {mask.shape[1]} x {mask.shape[0]} pixels, its image "
                f"{size[1]} x {size[0]}; redraw it or take it away."
            )
        if unknown := [int(i) for i in np.unique(mask) if classes < i < IGNORE]:
            raise UserError(
                f"mask '{self.mask}' holds label id {unknown[0]}, but there are {classes} "
                f"classes; name it in {CLASSES} or make it {IGNORE}."
            )
        return mask.astype(np.int16)


@dataclass(frozen=True)
class TrainData:
    """What a run trains and is scored on.

    Attributes
    ----------
    classes : tuple of str
        ``classes[i]`` has label id i + 1.
    images : sequence of TrainImage
        To train on.
    held_out : Dataset or None
        To score on.
    notes : tuple of str
        Images that were left out, and why.
    drawn : int
        In how many of the images, the first ones, a person drew, where others only have tags.
    """

    classes: tuple[str, ...]
    images: Sequence[TrainImage]
    held_out: Dataset | None
    notes: tuple[str, ...] = ()
    drawn: int = 0


class ExampleImages(Sequence[TrainImage]):
    """The examples of a data set as images to train on; each is looked up when asked for.

    Parameters
    ----------
    examples
        Images with masks and tags.
    supervision
        "full" gives the masks away, "weak" keeps them from the training.
    """

    def __init__(self, examples: Sequence[Example], supervision: Supervision) -> None:
        self._examples = examples
        self._is_full = supervision == "full"

    def __len__(self) -> int:
        """Count the images."""
        return len(self._examples)

    def __getitem__(self, index: int) -> ListedImage:  # type: ignore[override]
        """Give one image."""
        example = self._examples[index]
        mask = example.mask if self._is_full else None
        return ListedImage(example.image, example.tags, mask)


def open_data(config: DataConfig, supervision: Supervision) -> TrainData:
    """List the images of a run; none is opened.

    Raises
    ------
    UserError
        When a folder, list or class file is missing or unreadable.
    """
    root, masks = Path(config.root), supervision != "weak"
    dataset = open_dataset(root, config.split, config.classes, masks=masks)
    _require_images(dataset, "to train on")
    notes, held_out = dataset.problems, None
    if config.held_out or config.held_out_split:
        place = Path(config.held_out or config.root)
        held_out = open_dataset(place, config.held_out_split, dataset.classes)
        require_scorable(held_out, dataset.classes)
        notes = tuple(dict.fromkeys((*notes, *held_out.problems)))
    images = ExampleImages(dataset.examples[: config.limit], supervision)
    return TrainData(dataset.classes, images, held_out, notes)


def open_dataset(
    folder: Path, split: str | None, classes: tuple[str, ...], *, masks: bool = True
) -> Dataset:
    """List a data set folder, or a part of a tree like PASCAL VOC's.

    Parameters
    ----------
    folder
        Of either kind.
    split
        Of a tree; None is all of it.
    classes
        What the label ids mean where no ``classes.txt`` says so; none are those of PASCAL VOC.
    masks
        Whether images without a mask are left out.

    Raises
    ------
    UserError
        When a folder, list or class file is missing or unreadable.
    """
    if not is_voc_tree(folder):
        if split:
            raise UserError(f"'{folder}' is not a VOC tree; it has no split '{split}'.")
        return read_dataset(folder, classes, masks=masks)
    listed = folder / CLASSES
    names = read_classes(listed) if listed.exists() else classes or VOC_CLASSES.names
    return read_voc_tree(folder, names, split, masks=masks)


def require_scorable(held_out: Dataset, classes: tuple[str, ...]) -> None:
    """Make sure that held-out masks are there, with the label ids of the classes that are trained.

    Raises
    ------
    UserError
        If there are none, or they list their classes otherwise.
    """
    _require_images(held_out, "to score on")
    if held_out.classes != classes:
        raise UserError(
            f"'{held_out.folder}' lists other classes ({', '.join(held_out.classes)}) than are "
            f"trained ({', '.join(classes)}); list the same in both, in the same order."
        )


def _require_images(dataset: Dataset, purpose: str) -> None:
    if not len(dataset.examples):
        raise UserError(f"'{dataset.folder}' has no image {purpose}: {dataset.problems[0]}")
