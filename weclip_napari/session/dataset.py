"""A data set folder: ``images/``, ``masks/``, ``tags.csv`` and ``classes.txt``.

Line i of ``classes.txt``, counted from 1, names the class with label id i. A mask is a palette PNG
named like its image.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.images import list_images, read_image
from weclip_napari.session.masks import IGNORE, read_mask
from weclip_napari.session.tags import read_tags

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

IMAGES, MASKS, TAGS, CLASSES = "images", "masks", "tags.csv", "classes.txt"


@dataclass(frozen=True)
class Example:
    """An image with its mask and tags, which are among the classes.

    Both files exist; where no masks were asked for, `mask` is where one would lie.
    """

    image: Path
    mask: Path
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """What a data set folder holds.

    Attributes
    ----------
    folder
        Where it lies.
    classes
        Names of the foreground classes; ``classes[i]`` has label id i + 1.
    examples
        The usable images, in natural order.
    problems
        One message for each image that was left out, or each line of tags without an image.
    """

    folder: Path
    classes: tuple[str, ...]
    examples: Sequence[Example]
    problems: tuple[str, ...]


def read_example(example: Example) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read an image, (H, W, 3) RGB, and the label ids of its mask, (H, W), both uint8.

    Raises
    ------
    UserError
        When a file cannot be read or the mask has another size than the image.
    """
    image, mask = read_image(example.image), read_mask(example.mask)
    height, width = image.shape[:2]
    if mask.shape != (height, width):
        raise UserError(f"mask '{example.mask}' is not {width} x {height} as its image; redraw it.")
    return image, mask


def images_folder(folder: str | os.PathLike[str]) -> Path:
    """Return where a folder keeps its images: ``images/`` in a data set, else the folder itself.

    It is a data set if masks, tags or classes lie beside ``images/``.
    """
    top = Path(folder)
    is_dataset = any((top / name).exists() for name in (MASKS, TAGS, CLASSES))
    return top / IMAGES if is_dataset and (top / IMAGES).is_dir() else top


def match_tags(
    images: Sequence[Path], folder: Path, table: Mapping[str, tuple[str, ...]]
) -> tuple[dict[Path, tuple[str, ...]], tuple[str, ...]]:
    """Give the tags of a table to the images they name.

    A name may be the path from `folder` or from the one above it, the file name, or the file name
    without its ending; the last two only where no other image shares it.

    Returns
    -------
    dict
        Tags of the images that the table names.
    tuple of str
        Names in the table that fit no image.
    """
    known = _names(images, folder)
    found: dict[Path, tuple[str, ...]] = {}
    missing = []
    for name, tags in table.items():
        image = known.get(unicodedata.normalize("NFC", name))
        if image is None:
            missing.append(name)
        else:
            found[image] = tags
    return found, tuple(missing)


def _names(images: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Map every name that means exactly one image to it; more exact names win."""
    names: dict[str, Path] = {}
    spellings = (
        [image.stem for image in images],
        [image.name for image in images],
        [image.relative_to(folder.parent).as_posix() for image in images],
        [image.relative_to(folder).as_posix() for image in images],
    )
    for spelling in spellings:
        normal = [unicodedata.normalize("NFC", name) for name in spelling]
        counts = Counter(normal)
        names.update(
            {name: image for name, image in zip(normal, images, strict=True) if counts[name] == 1}
        )
    return names


def read_dataset(
    folder: str | os.PathLike[str], classes: tuple[str, ...] = (), *, masks: bool = True
) -> Dataset:
    """Read what a data set folder holds, without opening images or masks.

    Parameters
    ----------
    folder
        The folder.
    classes
        What the label ids mean where the folder has no ``classes.txt``.
    masks
        Whether images without a mask are left out.

    Raises
    ------
    UserError
        When the folder, its images or ``tags.csv`` are missing or unreadable, or ``classes.txt``
        is and there are no `classes`.
    """
    top = Path(folder)
    if not top.is_dir():
        raise UserError(f"'{top}' is not a folder; name a data set folder.")
    if not classes or (top / CLASSES).exists():
        classes = read_classes(top / CLASSES)
    images = list_images(top / IMAGES)
    tags, missing = match_tags(images, top / IMAGES, read_tags(top / TAGS))
    problems = [f"{top / TAGS} names '{name}', which is not in {top / IMAGES}." for name in missing]
    examples = []
    for image in images:
        example = Example(image, top / MASKS / f"{image.stem}.png", tags.get(image, ()))
        problem = _problem(example, classes, top, masks=masks)
        if problem:
            problems.append(problem)
        else:
            examples.append(example)
    return Dataset(top, classes, tuple(examples), tuple(problems))


def _problem(example: Example, classes: tuple[str, ...], top: Path, *, masks: bool) -> str | None:
    """Return why an image cannot be used, if it cannot."""
    if not example.tags:
        return f"{example.image} has no tags; add a line for it to {top / TAGS}."
    unknown = [tag for tag in example.tags if tag not in classes]
    if unknown:
        return f"{example.image} is tagged '{unknown[0]}'; add that class to {top / CLASSES}."
    if masks and not example.mask.is_file():
        return f"{example.image} has no mask; put it at {example.mask}."
    return None


def read_classes(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read class names, one a line; line i from 1 has label id i.

    Raises
    ------
    UserError
        When the file is missing, not UTF-8, empty, or repeats a name.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(
            f"'{path}' does not exist; list the class names there, one a line."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' cannot be read ({error}); save it as UTF-8 text.") from error
    names = tuple(line.strip() for line in text.strip().splitlines())
    different = {name.casefold() for name in names}
    if not names or not all(names) or len(names) >= IGNORE or len(different) < len(names):
        raise UserError(
            f"'{path}' must hold 1 to 254 different class names, one a line; upper and lower case "
            "are alike."
        )
    return names
