"""Classes and tags that came with the images of a folder, before anybody worked on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.dataset import CLASSES, TAGS, match_tags, read_classes
from weclip_napari.session.tags import read_tags

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.session.class_table import ClassTable


def listed_classes(folder: Path) -> tuple[str, ...]:
    """Read the class names that came with a data set; line i has label id i.

    Raises
    ------
    UserError
        When there is such a file and it cannot be read.
    """
    path = folder / CLASSES
    return read_classes(path) if path.is_file() else ()


def listed_tags(
    folder: Path, top: Path, images: list[Path], classes: ClassTable
) -> tuple[dict[Path, tuple[str, ...]], str]:
    """Read the tags that came with the images, by the names that the classes have now.

    Parameters
    ----------
    folder
        Where the list of tags lies.
    top
        Where the images lie.
    images
        The images.
    classes
        The classes of the folder.

    Returns
    -------
    dict
        Tags of the images that are listed.
    str
        Why the tags are missing; empty when they are not. The images can be worked on without.
    """
    path = folder / TAGS
    try:
        found = match_tags(images, top, read_tags(path))[0] if path.is_file() else {}
    except UserError as error:
        return {}, str(error)
    return {image: classes.present_names(tags) for image, tags in found.items()}, ""
