"""Pools of drawn scenes, rendered once and drawn from at random; captions only, no masks."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.scenes import BACKGROUND_WORDS, BACKGROUNDS, CLASSES, SceneGenerator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEVER_DRAWN = ("keyboard", "helmet", "bridge", "sign")
"""Words of the supplement's background set that no scene shows; they stay negatives."""

WORDS: tuple[str, ...] = (*CLASSES, *chain.from_iterable(BACKGROUND_WORDS.values()), *NEVER_DRAWN)
"""All words with a prompt: the drawn classes, then the background words."""

CONCEPTS: tuple[str, ...] = (*CLASSES, *BACKGROUNDS, *NEVER_DRAWN)
"""What can be seen in an image; words of one texture are one concept."""


def _concept_of_words() -> NDArray[np.int64]:
    texture = {word: name for name, words in BACKGROUND_WORDS.items() for word in words}
    return np.array([CONCEPTS.index(texture.get(word, word)) for word in WORDS])


WORD_CONCEPT: NDArray[np.int64] = _concept_of_words()
"""For each word the index of its concept, shape (words,)."""


@dataclass(frozen=True)
class Pool:
    """Rendered scenes and what their captions say.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, S, S, 3)
    concepts : ndarray of bool, shape (N, concepts)
        True where the caption names the concept; columns in the order of ``CONCEPTS``.
    """

    images: NDArray[np.uint8]
    concepts: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of scenes."""
        return len(self.images)


def _render(job: tuple[int, int, int, bool]) -> Pool:
    seed, count, size, close_up = job
    generator = SceneGenerator(seed, size)
    images = np.empty((count, size, size, 3), np.uint8)
    concepts = np.zeros((count, len(CONCEPTS)), bool)
    for i in range(count):
        scene = generator.close_up() if close_up else generator.scene()
        images[i] = scene.image
        concepts[i, [CONCEPTS.index(name) for name in (*scene.tags, *scene.backgrounds)]] = True
    return Pool(images, concepts)


def render_pool(
    seed: int, count: int, size: int, *, close_up: bool = False, workers: int = 2
) -> Pool:
    """Render ``count`` scenes of ``size`` x ``size`` pixels, the same for the same seed.

    Parameters
    ----------
    seed : int
        Chunk ``i`` is drawn from seed ``seed + i``.
    count, size : int
        Number of scenes and their side in pixels.
    close_up : bool
        Draw close-ups of single objects instead of scenes of one to four.
    workers : int
        Processes that render.
    """
    chunk = 500
    jobs = [
        (seed + i, min(chunk, count - start), size, close_up)
        for i, start in enumerate(range(0, count, chunk))
    ]
    with ProcessPoolExecutor(workers) as executor:
        return _join(list(executor.map(_render, jobs)))


def _join(pools: Sequence[Pool]) -> Pool:
    return Pool(
        np.concatenate([p.images for p in pools]), np.concatenate([p.concepts for p in pools])
    )
