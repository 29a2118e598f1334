"""Which image comes when; it depends on the seed and the place in the training alone."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ORDER = 0  # of the streams of random numbers; see `weclip_training.batches`


def strata_of(drawn: int, count: int) -> tuple[range, ...]:
    """Say which images a batch is drawn from in turn.

    Parameters
    ----------
    drawn
        In how many images, the first ones, a person drew.
    count
        How many there are.

    Returns
    -------
    tuple of range
        Two, so that every other image is one in which a person drew, where those are the fewer;
        else one of all: what is certain must not drown in what is guessed.
    """
    if 0 < drawn < count - drawn:
        return range(drawn), range(drawn, count)
    return (range(count),)


def image_at(place: int, strata: Sequence[range], seed: int) -> int:
    """Give the number of the image at a place of the training, counted from 0 over all batches.

    Strata take turns. Each goes through all of its images in an order drawn anew, again and again.
    """
    turn, which = divmod(place, len(strata))
    own = strata[which]
    epoch, number = divmod(turn, len(own))
    return own[int(_order(seed, which, epoch, len(own))[number])]


@lru_cache(maxsize=4)  # a batch may lie in two epochs of each stratum
def _order(seed: int, which: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return the order in which an epoch goes through so many images."""
    return np.random.default_rng((seed, _ORDER, epoch, which)).permutation(count)
