"""Tensors kept on disk from one run to the next: a cache that may be deleted at any time."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from weclip_napari.session.atomic import write_bytes_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from torch import Tensor

_log = logging.getLogger(__name__)

_SUFFIX = ".safetensors"
_STALE_SECONDS = 3600.0  # after which what a killed process was writing is cleared away
_WAITING = 4  # saves at most; a cache may forget, but must not pile up memory


class FeatureStore:
    """A folder of tensors by key, bounded in bytes; those used longest ago go first.

    Several processes may use one folder. A damaged file counts as missing, and a disk that
    cannot be written to means that nothing is kept: neither ever stops the work.

    Parameters
    ----------
    folder : Path
        Created when something is saved.
    max_bytes : int
        Of all files together; with 0 nothing is kept.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._writer = ThreadPoolExecutor(1, "features")
        self._waiting: list[Future[None]] = []

    def load(self, key: str) -> dict[str, Tensor] | None:
        """Return what was saved under a key, on the CPU; None if that is not known any more."""
        path = self._path(key)
        try:
            tensors = _read(path, key)
        except OSError:
            return None
        except (SafetensorError, ValueError):
            _log.info("%s is damaged and is removed", path)
            tensors = None
        with suppress(OSError):
            path.unlink() if tensors is None else os.utime(path)
        return tensors

    def save(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Keep tensors under a key, of any length; old ones are removed to make room."""
        header = {"key": key, "crc": str(_checksum(tensors))}
        data = save({name: t.cpu().contiguous() for name, t in tensors.items()}, metadata=header)
        if len(data) > self.max_bytes:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(len(data))
            write_bytes_atomically(self._path(key), data)
        except OSError as error:
            _log.info("Nothing is kept in %s: %s", self.folder, error)

    def save_later(self, key: str, tensors: dict[str, Tensor]) -> Future[None] | None:
        """Save in another thread; None if too much is waiting already and this is not kept.

        The tensors must not change any more.
        """
        self._waiting = [future for future in self._waiting if not future.done()]
        if len(self._waiting) >= _WAITING or not self.max_bytes:
            return None
        future = self._writer.submit(self.save, key, tensors)
        self._waiting.append(future)
        return future

    def _path(self, key: str) -> Path:
        return self.folder / (hashlib.sha256(key.encode()).hexdigest()[:40] + _SUFFIX)

    def _make_room(self, needed: int) -> None:
        files = sorted(self._files())
        total = sum(size for _, size, _ in files) + needed
        for used, size, path in files:
            is_stale = not path.endswith(_SUFFIX) and time.time() - used > _STALE_SECONDS
            if total > self.max_bytes or is_stale:
                with suppress(OSError):  # another process was quicker, or still reads it
                    os.unlink(path)
                total -= size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Yield when each file was last used, its size and its path."""
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat()
                    yield status.st_mtime, status.st_size, entry.path


def _read(path: Path, key: str) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    if header.get("key") != key or header.get("crc") != str(_checksum(tensors)):
        raise ValueError(f"{path} is not what was saved")
    return tensors


def _checksum(tensors: dict[str, Tensor]) -> int:
    """Return one CRC of names and contents; the format itself would not notice a flipped bit."""
    crc = 0
    for name, tensor in sorted(tensors.items()):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(tensor.detach().cpu().contiguous().numpy().data, crc)
    return crc
