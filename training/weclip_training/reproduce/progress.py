"""How far a long piece of work is, for whoever watches a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


def counted(items: Sequence[T], label: str) -> Iterable[T]:
    """Iterate over images with a bar on the standard error that goes away at the end.

    There is none where that is no terminal.
    """
    from tqdm import tqdm

    return tqdm(items, desc=label, unit="image", leave=False, file=sys.stderr, disable=None)
