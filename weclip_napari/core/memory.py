"""How much memory the tensors and arrays of an object take."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.model import WeclipModel

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNCOUNTED = (nn.Module, nn.Parameter, FrozenClip, WeclipModel, str, bytes)


def held_bytes(thing: object) -> int:
    """Return the bytes of all tensors and arrays that an object holds, each storage once.

    A model's weights are not counted: they are shared by all that it has computed.
    """
    return sum(dict(_storages(thing, set())).values())


def _storages(thing: Any, seen: set[int]) -> Iterator[tuple[int, int]]:
    """Yield where each storage begins and its size."""
    if id(thing) in seen or isinstance(thing, _UNCOUNTED):
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        storage = thing.untyped_storage()
        yield storage.data_ptr(), storage.nbytes()
    elif isinstance(thing, np.ndarray):
        yield thing.__array_interface__["data"][0], thing.nbytes
    elif isinstance(thing, Mapping):
        yield from _all(thing.values(), seen)
    elif isinstance(thing, Iterable):
        yield from _all(thing, seen)
    elif hasattr(thing, "__dict__"):
        yield from _all(vars(thing).values(), seen)


def _all(things: Iterable[Any], seen: set[int]) -> Iterator[tuple[int, int]]:
    for thing in things:
        yield from _storages(thing, seen)


def return_freed() -> None:
    """Give memory that was freed back to the system, where the C library would keep it (glibc).

    What threads free piecemeal lies between what is still in use; without this, a program that
    encodes one image after the other grows far beyond what it holds.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
