"""The models that can be loaded by name, and which of them are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import open_clip

from weclip_napari.core import mini
from weclip_napari.core.architectures import list_architectures
from weclip_napari.core.checkpoint import EMBEDDED
from weclip_napari.core.download import find_local, source_of
from weclip_napari.core.folders import checkpoints_folder
from weclip_napari.core.storage import CONFIG, read_header, read_manifest
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["embedded", "checkpoint", "open_clip"]


@dataclass(frozen=True)
class Entry:
    """One model that `load_model` accepts.

    Attributes
    ----------
    spec : str
        What to pass to `load_model`.
    kind : {"embedded", "checkpoint", "open_clip"}
        In this package, in the user's folder, or published CLIP weights (without a decoder).
    size : int
        Bytes; an estimate for weights that are not on this machine.
    licence : str or None
        None where only the server or the owner knows.
    path : Path or None
        Where it lies; None if it must be fetched first.
    classes : tuple of str
        What its decoder knows; empty without one.
    """

    spec: str
    kind: Kind
    size: int
    licence: str | None
    path: Path | None
    classes: tuple[str, ...] = ()


def list_models() -> list[Entry]:
    """Return the embedded model, the user's checkpoints and open_clip's ViTs; no network."""
    return [*_embedded(), *_checkpoints(), *_published()]


def _embedded() -> Iterator[Entry]:
    if (mini.FOLDER / CONFIG).is_file():
        yield _describe(mini.FOLDER, EMBEDDED, "embedded", "BSD-3-Clause")


def _checkpoints() -> Iterator[Entry]:
    folder = checkpoints_folder()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            if (path / CONFIG).is_file():
                yield _describe(path, path.name, "checkpoint", None)
            elif path.suffix == ".safetensors" and read_header(path):
                yield _describe(path, path.stem, "checkpoint", None)
        except UserError:  # a damaged one must not hide the others; loading it says what is wrong
            continue


def _describe(path: Path, spec: str, kind: Kind, licence: str | None) -> Entry:
    decoder = read_manifest(path).decoder
    files = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return Entry(spec, kind, size, licence, path, decoder.classes if decoder else ())


def _published() -> Iterator[Entry]:
    for name in list_architectures():
        for tag in open_clip.list_pretrained_tags_by_model(name):
            quick_gelu = open_clip.get_pretrained_cfg(name, tag).get("quick_gelu", False)
            if quick_gelu and not name.endswith("-quickgelu"):
                continue  # listed under the name that says so
            source = source_of(name, tag)
            path = find_local(source)
            size = path.stat().st_size if path else source.size
            yield Entry(f"{name}/{tag}", "open_clip", size, source.licence, path)
