"""Write drawn scenes as a data set folder that the CLI, the app and the trainer read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.scenes.domains import DRAWN, Domain
from weclip_napari.scenes.generator import REFERENCE_SIDE, SceneGenerator
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.dataset import CLASSES as CLASS_NAMES
from weclip_napari.session.dataset import IMAGES, MASKS, TAGS
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import write_mask
from weclip_napari.session.tags import write_tags

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

HELD_OUT_SEED = 20261122
"""Of the scenes on which the embedded model is scored; training draws from other seeds."""
_SCENE = re.compile(r"scene_\d{4,}\.png|\.scene_.*\.tmp")
"""A scene, or what was left of one when its writing was broken off."""


def write_scenes(
    folder: str | os.PathLike[str],
    count: int,
    seed: int,
    size: int | tuple[int, int] = REFERENCE_SIDE,
    *,
    domain: Domain = DRAWN,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> list[Path]:
    """Write ``images/``, ``masks/``, ``tags.csv`` and ``classes.txt`` under ``folder``.

    Parameters
    ----------
    folder
        Created if needed. Scenes from an earlier call are replaced, all of them.
    count, seed, size, domain
        How many scenes, and what :class:`SceneGenerator` takes.
    progress
        Wraps the range of scene numbers, for instance ``tqdm``.

    Returns
    -------
    list of Path
        The image files, in order.

    Raises
    ------
    UserError
        If the folder holds a data set that is not of scenes.
    """
    root = Path(folder)
    _clear(root)
    generator = SceneGenerator(seed, size, domain)
    images: list[Path] = []
    tags: dict[str, tuple[str, ...]] = {}
    for number in progress(range(count)):
        scene = generator.scene()
        path = root / IMAGES / f"scene_{number:04d}.png"
        write_image(path, scene.image)
        write_mask(root / MASKS / path.name, scene.mask)
        tags[path.name] = scene.tags
        images.append(path)
    write_tags(root / TAGS, tags)
    write_text_atomically(root / CLASS_NAMES, "".join(f"{name}\n" for name in domain.classes))
    return images


def _clear(root: Path) -> None:
    """Make the folders; remove scenes of an earlier call, and nothing else."""
    earlier = [path for name in (IMAGES, MASKS) for path in (root / name).glob("*")]
    foreign = [path for path in earlier if not _SCENE.fullmatch(path.name)]
    if foreign or (not earlier and any((root / name).exists() for name in (TAGS, CLASS_NAMES))):
        found = foreign[0].name if foreign else TAGS
        raise UserError(f"'{root}' holds another data set ({found}). Name a new folder.")
    for path in earlier:
        path.unlink()
    for name in (IMAGES, MASKS):
        (root / name).mkdir(parents=True, exist_ok=True)
