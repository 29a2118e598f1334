"""A tree in the style of PASCAL VOC: ``JPEGImages``, ``SegmentationClass[Aug]``, ``ImageSets``.

COCO 2014 is often laid out like this too, with ``train`` and ``val`` inside the first two. Tags
come from ``tags.csv`` where there is one, else from the objects that ``Annotations`` names, else
from the ids in the mask. Only folders and lists are read until an example is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload
from xml.etree import ElementTree

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.dataset import TAGS, Dataset, Example, match_tags
from weclip_napari.session.images import list_images
from weclip_napari.session.masks import BACKGROUND, IGNORE, read_mask
from weclip_napari.session.tags import read_tags, unique

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURES, OBJECTS = "JPEGImages", "Annotations"
MASK_FOLDERS = ("SegmentationClassAug", "SegmentationClass")
"""The first that exists is used: the augmented masks hold the official ones and more."""
LISTS = (Path("ImageSets", "Segmentation"), Path("ImageSets"))


class TreeExamples(Sequence[Example]):
    """Images with their masks; the tags of each are looked up when it is asked for."""

    def __init__(
        self,
        files: Sequence[tuple[Path, Path]],
        tags_of: Callable[[Path, Path], tuple[str, ...]],
    ) -> None:
        self._files = files
        self._tags_of = tags_of

    def __len__(self) -> int:
        """Count the images."""
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> TreeExamples: ...
    def __getitem__(self, index: int | slice) -> Example | TreeExamples:
        """Give one image with its mask and tags, or some of them.

        Raises
        ------
        UserError
            When the file that holds the tags cannot be read.
        """
        if isinstance(index, slice):
            return TreeExamples(self._files[index], self._tags_of)
        image, mask = self._files[index]
        return Example(image, mask, self._tags_of(image, mask))


def is_voc_tree(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is laid out like PASCAL VOC."""
    return (Path(folder) / PICTURES).is_dir()


def read_voc_tree(
    folder: str | os.PathLike[str],
    classes: tuple[str, ...],
    split: str | None = None,
    *,
    masks: bool = True,
) -> Dataset:
    """List what a tree in the style of PASCAL VOC holds.

    Parameters
    ----------
    folder
        It holds ``JPEGImages`` and ``SegmentationClassAug`` or ``SegmentationClass``.
    classes
        ``classes[i]`` has label id i + 1 in the masks.
    split
        Name of a list in ``ImageSets/Segmentation`` or ``ImageSets``, or of a folder inside
        ``JPEGImages``, such as "train" or "val"; every image by default.
    masks
        Whether images without a mask are left out; so they are where only masks tell the tags.

    Returns
    -------
    Dataset
        Its problems name the images that are left out.

    Raises
    ------
    UserError
        When a folder or the list of the split is missing, or no image has a mask.
    """
    top = Path(folder)
    needed = masks or not any((top / name).exists() for name in (TAGS, OBJECTS))
    pictures, place = top / PICTURES, _mask_folder(top, needed=needed)
    images = _of_split(top, list_images(pictures), split)
    pairs = [(image, place / image.relative_to(pictures).with_suffix(".png")) for image in images]
    tags_of = _tag_source(top, images, classes)
    if not needed:
        return Dataset(top, classes, TreeExamples(pairs, tags_of), ())
    drawn = _files_below(place)
    problems = [
        f"{image} has no mask; put it at {mask}." for image, mask in pairs if mask not in drawn
    ]
    files = [pair for pair in pairs if pair[1] in drawn]
    if not files:
        raise UserError(f"'{place}' has no mask for any image of '{pictures}'; {problems[0]}")
    return Dataset(top, classes, TreeExamples(files, tags_of), tuple(problems))


def _mask_folder(top: Path, *, needed: bool) -> Path:
    found = next((top / name for name in MASK_FOLDERS if (top / name).is_dir()), None)
    if found is None and needed:
        raise UserError(f"'{top}' has no masks; put them in '{top / MASK_FOLDERS[-1]}'.")
    return found or top / MASK_FOLDERS[-1]


def _files_below(top: Path) -> set[Path]:
    """List all files at once: asking for each of 100,000 takes far longer."""
    return {Path(place, name) for place, _, names in os.walk(top) for name in names}


def _of_split(top: Path, images: list[Path], split: str | None) -> list[Path]:
    if split is None:
        return images
    lists = [top / place / f"{split}.txt" for place in LISTS]
    found = next((path for path in lists if path.is_file()), None)
    if found is None:
        inside = [x for x in images if x.is_relative_to(top / PICTURES / split)]
        if not inside:
            raise UserError(f"'{top}' has no split '{split}'; write its image names to {lists[0]}.")
        return inside
    names = _names_in(found)
    if not names:
        raise UserError(f"'{found}' is empty; write the image names of the split to it.")
    chosen = [image for image in images if image.stem in names]
    if len(chosen) < len(names):
        missing = sorted(names - {image.stem for image in chosen})
        raise UserError(f"'{found}' names '{missing[0]}', which is not in {top / PICTURES}.")
    return chosen


def _names_in(path: Path) -> set[str]:
    """Read image names: ``2007_000032``, or ``/JPEGImages/2007_000032.jpg /Segm…`` as some have."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' cannot be read ({error}); save it as UTF-8 text.") from error
    return {Path(line.split()[0]).stem for line in lines if line.strip()}


def _tag_source(
    top: Path, images: list[Path], classes: tuple[str, ...]
) -> Callable[[Path, Path], tuple[str, ...]]:
    if (top / TAGS).is_file():
        tags, _ = match_tags(images, top / PICTURES, read_tags(top / TAGS))
        return lambda image, mask: tags.get(image, ())
    if (top / OBJECTS).is_dir():
        return lambda image, mask: _named_objects(top, image, classes)
    return lambda image, mask: _drawn_classes(mask, classes)


def _named_objects(top: Path, image: Path, classes: tuple[str, ...]) -> tuple[str, ...]:
    inside = image.relative_to(top / PICTURES)
    path = (top / OBJECTS / inside).with_suffix(".xml")
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(
            f"'{path}' cannot be read ({error}); copy it again, or list the tags in {top / TAGS}."
        ) from error
    names = (item.findtext("name", "").strip() for item in root.iter("object"))
    return unique(name for name in names if name in classes)


def _drawn_classes(mask: Path, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes whose ids a mask holds; ids without a name are left out."""
    ids = np.unique(read_mask(mask))
    return tuple(classes[i - 1] for i in ids if i not in (BACKGROUND, IGNORE) and i <= len(classes))
