"""Classes and tags that came with the images of a folder, before anybody worked on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.dataset import CLASSES, TAGS, match_tags, read_classes
from weclip_napari.session.tags import read_tags

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.session.annotation import AnnotationStore


def take_over_listed(
    folder: Path, store: AnnotationStore, images: list[Path]
) -> tuple[dict[Path, tuple[str, ...]], str]:
    """Read what came with a data set, by the names that its classes have now.

    Parameters
    ----------
    folder
        Where the lists lie: above the images, or where these are.
    store
        The annotations of the images; its class table gets the listed classes, of which line i has
        label id i.
    images
        The images.

    Returns
    -------
    dict
        Tags of the images that are listed.
    str
        Why the tags are missing; empty when they are not. The images can be worked on without.

    Raises
    ------
    UserError
        When there is a list of classes and it cannot be read.
    """
    names = read_classes(folder / CLASSES) if (folder / CLASSES).is_file() else ()
    for name in store.classes.present_names(names):
        store.ensure_class(name)
    path = folder / TAGS
    try:
        found = match_tags(images, store.folder, read_tags(path))[0] if path.is_file() else {}
    except UserError as error:
        return {}, str(error)
    return {image: store.classes.present_names(tags) for image, tags in found.items()}, ""
