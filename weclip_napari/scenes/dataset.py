"""Write drawn scenes as a data set folder that the CLI, the app and the trainer read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.scenes.generator import REFERENCE_SIDE, SceneGenerator
from weclip_napari.scenes.outlines import CLASSES
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import write_mask
from weclip_napari.session.tags import write_tags

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

HELD_OUT_SEED = 20261122
"""Of the scenes on which the embedded model is scored; training draws from other seeds."""


def write_scenes(
    folder: str | os.PathLike[str],
    count: int,
    seed: int,
    size: int | tuple[int, int] = REFERENCE_SIDE,
    *,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> list[Path]:
    """Write ``images/``, ``masks/``, ``tags.csv`` and ``classes.txt`` under ``folder``.

    Parameters
    ----------
    folder
        Created if needed; files of the same names are replaced.
    count, seed, size
        How many scenes, and what :class:`SceneGenerator` takes.
    progress
        Wraps the range of scene numbers, for instance ``tqdm``.

    Returns
    -------
    list of Path
        The image files, in order.
    """
    root = Path(folder)
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    generator = SceneGenerator(seed, size)
    images: list[Path] = []
    tags: dict[str, tuple[str, ...]] = {}
    for number in progress(range(count)):
        scene = generator.scene()
        path = root / "images" / f"scene_{number:04d}.png"
        write_image(path, scene.image)
        write_mask(root / "masks" / path.name, scene.mask)
        tags[path.name] = scene.tags
        images.append(path)
    write_tags(root / "tags.csv", tags)
    write_text_atomically(root / "classes.txt", "".join(f"{name}\n" for name in CLASSES))
    return images
