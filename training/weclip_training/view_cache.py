"""Encoded views kept in memory and on disk, so that every epoch but the first needs no backbone."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch

from weclip_napari.core.memory import held_bytes
from weclip_napari.errors import UserError
from weclip_training.views import View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from weclip_napari.core.feature_store import FeatureStore


class ViewCache:
    """Views by the image file's content, the way it was seen and who saw it.

    Parameters
    ----------
    signature : str
        Of the builder that makes the views.
    store : FeatureStore
        Keeps them on the disk; other runs and processes may use it too.
    memory_mib : int
        How much memory views may take; those used last stay.
    device : torch.device
        Where views from the disk are put.
    """

    def __init__(
        self, signature: str, store: FeatureStore, memory_mib: int, device: torch.device
    ) -> None:
        self._signature = signature
        self._store = store
        self._limit = memory_mib * 2**20
        self._device = device
        self._views: OrderedDict[str, View] = OrderedDict()
        self._bytes = 0
        self._digests: dict[tuple[Path, int, int], str] = {}

    def get(self, path: Path, facts: tuple[object, ...], make: Callable[[], View]) -> View:
        """Give the view of an image file, seen in a way that `facts` describe; make it if needed.

        `facts` are plain JSON values.

        Raises
        ------
        UserError
            When the file cannot be read.
        """
        key = self._key(path, facts)
        if key in self._views:
            self._views.move_to_end(key)
            return self._views[key]
        tensors = self._store.load(key)
        if tensors is None:
            view = make()
            self._store.save(key, _to_tensors(view))
        else:
            view = _from_tensors(tensors, self._device)
        self._keep(key, view)
        return view

    def _key(self, path: Path, facts: tuple[object, ...]) -> str:
        text = json.dumps([self._signature, self._digest(path), facts])
        return hashlib.sha256(text.encode()).hexdigest()

    def _digest(self, path: Path) -> str:
        """Give the digest of a file's content, which is read again only when it was changed."""
        try:
            state = path.stat()
            known = (path, state.st_mtime_ns, state.st_size)
            if known not in self._digests:
                self._digests[known] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(
                f"'{path}' cannot be read: {error.strerror}. Put it back or check its permissions."
            ) from error
        return self._digests[known]

    def _keep(self, key: str, view: View) -> None:
        self._views[key] = view
        self._bytes += held_bytes(view)
        while self._bytes > self._limit and len(self._views) > 1:
            _, oldest = self._views.popitem(last=False)
            self._bytes -= held_bytes(oldest)


def _to_tensors(view: View) -> dict[str, Tensor]:
    """Turn a view into tensors by name."""
    tensors: dict[str, Tensor] = {}
    for item in fields(View):
        value: Any = getattr(view, item.name)
        if item.name == "maps":
            tensors |= {f"map{number}": value for number, value in enumerate(view.maps)}
        elif isinstance(value, tuple):
            tensors[item.name] = torch.tensor(value)
        elif value is not None:
            tensors[item.name] = value
    return tensors


def _from_tensors(tensors: dict[str, Tensor], device: torch.device) -> View:
    grid, size = (tuple(tensors[name].tolist()) for name in ("grid", "image_size"))
    moved = {name: value.to(device) for name, value in tensors.items()}
    maps = tuple(moved[f"map{i}"] for i in range(sum(name.startswith("map") for name in moved)))
    return View(
        tokens=moved["tokens"],
        grid=(grid[0], grid[1]),
        cams=moved["cams"],
        ids=moved["ids"],
        maps=maps,
        pixels=moved["pixels"],
        target=moved["target"],
        image_size=(size[0], size[1]),
        label=moved.get("label"),
    )
