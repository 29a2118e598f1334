"""Models that were trained here: a folder of them, which one is in use, and what was before.

``FOLDER/NAME`` is a model folder as `load_model` reads it, with ``origin.json`` beside its
weights: when it was made, from which model, and its scores. ``FOLDER/history.json`` lists the
names that were in use one after the other; the last one is.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from weclip_napari.core.storage import CARD, CLIP, CONFIG, DECODER, read_manifest
from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_bytes_atomically, write_text_atomically
from weclip_napari.session.folder_models import HISTORY, names_in_use

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


ORIGIN = "origin.json"
_FILES = (CONFIG, DECODER, CLIP, CARD, ORIGIN)
_NAME = re.compile(r"[\w][\w .+-]{0,99}")


@dataclass(frozen=True)
class StoredModel:
    """One model of a store.

    Attributes
    ----------
    name, path
        What it is called, and its folder.
    classes
        What its decoder knows.
    fingerprint
        Of the backbone that it was trained on; None where that is not known.
    created
        ISO 8601 in UTC; empty where that is not known.
    parent
        What it was trained from; empty where that is not known.
    scores
        From class to IoU in percent on held-out images; may be empty.
    is_current
        Whether it is the one in use.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    fingerprint: str | None
    created: str
    parent: str
    scores: Mapping[str, float | None]
    is_current: bool


class ModelStore:
    """The models of one folder.

    Parameters
    ----------
    folder
        Created when something is stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def models(self) -> list[StoredModel]:
        """List the models, the newest first; damaged ones are left out."""
        found = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if (path / CONFIG).is_file() and not path.name.startswith("."):
                try:
                    found.append(self.model(path.name))
                except UserError:  # loading it says what is wrong
                    continue
        return sorted(found, key=lambda model: (model.created, model.name), reverse=True)

    def model(self, name: str) -> StoredModel:
        """Describe one model.

        Raises
        ------
        UserError
            When there is no such model or it cannot be read.
        """
        path = self._path(name)
        if not path.is_dir():
            known = ", ".join(model.name for model in self.models()) or "none"
            raise UserError(f"'{self.folder}' has no model '{name}'; it has: {known}.")
        manifest, origin = read_manifest(path), _read_origin(path / ORIGIN)
        return StoredModel(
            name=name,
            path=path,
            classes=manifest.decoder.classes if manifest.decoder else (),
            fingerprint=manifest.fingerprint,
            created=str(origin.get("created", "")),
            parent=str(origin.get("parent", "")),
            scores=dict(origin.get("scores") or {}),
            is_current=self._history()[-1:] == [name],
        )

    @property
    def current(self) -> StoredModel | None:
        """The model in use; None when that is none of these."""
        history = self._history()
        return self.model(history[-1]) if history else None

    def add(
        self,
        source: Path,
        name: str,
        *,
        parent: str = "",
        scores: Mapping[str, float | None] | None = None,
    ) -> StoredModel:
        """Store a copy of a model folder under a name that is free.

        Raises
        ------
        UserError
            When the name is taken or not allowed, `source` is no model, or it cannot be written.
        """
        read_manifest(source)
        origin = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parent": parent,
            "scores": dict(scores or {}),
        }
        files = {
            item: (source / item).read_bytes()
            for item in _FILES
            if item != ORIGIN and (source / item).is_file()
        }
        files[ORIGIN] = (json.dumps(origin, indent=1, ensure_ascii=False) + "\n").encode()
        return self._store(name, files)

    def promote(self, name: str, fingerprint: str | None = None) -> StoredModel:
        """Make a model the one in use.

        Parameters
        ----------
        name
            Of the model.
        fingerprint
            Of the backbone that it shall work with; None accepts any.

        Raises
        ------
        UserError
            When there is no such model, or it was trained on another backbone.
        """
        model = self.model(name)
        _require_backbone(model.path, model.fingerprint, fingerprint)
        history = [entry for entry in self._history() if entry != name]
        self._write_history([*history, name])
        return self.model(name)

    def roll_back(self) -> StoredModel | None:
        """Go back to the model that was in use before; None when that is none of these.

        The model stays in the store.

        Raises
        ------
        UserError
            When none of these is in use.
        """
        history = self._history()
        if not history:
            raise UserError(
                f"No model of '{self.folder}' is in use; there is nothing to go back to."
            )
        self._write_history(history[:-1])
        return self.current

    def delete(self, name: str) -> None:
        """Delete a model that is not in use.

        Raises
        ------
        UserError
            When there is no such model, it is in use, or it cannot be deleted.
        """
        model = self.model(name)
        if model.is_current:
            raise UserError(f"Model '{name}' is in use. Roll back or promote another one first.")
        self._write_history([entry for entry in self._history() if entry != name])
        try:
            shutil.rmtree(model.path)
        except OSError as error:
            raise UserError(f"{model.path} cannot be deleted: {error.strerror}.") from error

    def export(self, name: str, target: Path) -> Path:
        """Write a model to a ZIP file.

        Raises
        ------
        UserError
            When there is no such model or the file cannot be written.
        """
        model = self.model(name)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for item in _FILES:
                    if (model.path / item).is_file():
                        archive.write(model.path / item, item)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise UserError(f"{target} was not written: {error.strerror or error}.") from error
        return target

    def import_model(
        self, source: Path, name: str | None = None, fingerprint: str | None = None
    ) -> StoredModel:
        """Store a model from a ZIP file of `export`, or from a model folder.

        Parameters
        ----------
        source
            The file or folder.
        name
            What to call it; by default as the file is called.
        fingerprint
            Of the backbone that it shall work with; None accepts any.

        Raises
        ------
        UserError
            When it cannot be read, was trained on another backbone, or the name is taken.
        """
        name = name or (source.name if source.is_dir() else source.stem)
        files = _read_folder(source) if source.is_dir() else _read_archive(source)
        return self._store(name, files, fingerprint)

    def _store(
        self, name: str, files: Mapping[str, bytes], fingerprint: str | None = None
    ) -> StoredModel:
        path = self._path(name)
        if path.exists():
            raise UserError(f"'{self.folder}' has a model '{name}' already; choose another name.")
        temporary = self.folder / f".{uuid.uuid4().hex}"
        try:
            temporary.mkdir(parents=True)
            for item, data in files.items():
                write_bytes_atomically(temporary / item, data)
            _require_backbone(path, read_manifest(temporary).fingerprint, fingerprint)
            temporary.rename(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"{path} was not written: {reason}. Free some space or allow writing."
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return self.model(name)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UserError(
                f"'{name}' cannot be the name of a model; use up to 100 letters, digits, blanks, "
                "dots, hyphens and the like."
            )
        return self.folder / name

    def _history(self) -> list[str]:
        """Give the names in use, one after the other, without those that are gone."""
        return names_in_use(self.folder)

    def _write_history(self, names: list[str]) -> None:
        text = json.dumps({"version": 1, "names": names}, ensure_ascii=False) + "\n"
        try:
            write_text_atomically(self.folder / HISTORY, text)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{self.folder / HISTORY} was not written: {reason}.") from error


def compare(
    one: Mapping[str, float | None], other: Mapping[str, float | None]
) -> list[tuple[str, float | None, float | None]]:
    """Put the scores of two models side by side: class, the one's and the other's."""
    return [(name, one.get(name), other.get(name)) for name in dict.fromkeys((*one, *other))]


def _read_origin(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _read_folder(folder: Path) -> dict[str, bytes]:
    read_manifest(folder)
    return {item: (folder / item).read_bytes() for item in _FILES if (folder / item).is_file()}


def _read_archive(path: Path) -> dict[str, bytes]:
    """Read the files of a model, and no others, whatever their paths say."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            files = {item: archive.read(item) for item in _FILES if item in names}
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read ({error}); export the model again.") from error
    if CONFIG not in files:
        raise UserError(f"{path} holds no model of weclip-napari.")
    return files


def _require_backbone(path: Path, own: str | None, wanted: str | None) -> None:
    if own is not None and wanted is not None and own != wanted:
        raise UserError(
            f"{path} was trained on another backbone ({own}) than the one in use ({wanted}). "
            "Choose its own backbone first, or train a model for this one."
        )
