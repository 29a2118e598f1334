"""Edits of classes in all saved files of a folder, finished even when a crash comes between.

An edit is first noted in ``weclip_masks/pending_edit.json`` and struck out when every file and the
class table are done; opening the folder again finishes what is left. Files that cannot be changed
at the moment do not stop the others: they stay in the journal and are tried again then.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.class_edits import (
    ClassEdit,
    annotation_after,
    change_table,
    names_are_touched,
)
from weclip_napari.session.images import MASK_FOLDER
from weclip_napari.session.sidecar import read_sidecar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from weclip_napari.session.annotation import Annotation, AnnotationStore

    Progress = Callable[[int, int], None]

JOURNAL = "pending_edit.json"
VERSION = 1


@dataclass
class Outcome:
    """What came of an edit.

    Attributes
    ----------
    masks, sidecars
        How many files were rewritten.
    images
        The images whose files were rewritten, by their paths inside the folder.
    problems
        What went wrong with an image, by the same paths; the edit of these is still pending.
    """

    masks: int = 0
    sidecars: int = 0
    images: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    """One pending edit, with the images it still concerns; None for all."""

    edit: ClassEdit
    images: tuple[str, ...] | None = None


def apply_edit(
    store: AnnotationStore, edit: ClassEdit, progress: Progress = lambda done, of: None
) -> Outcome:
    """Make an edit in all saved files of a folder and in its class table.

    Parameters
    ----------
    store
        The folder's annotations; nothing else may save any while this runs.
    edit
        What to do.
    progress
        Told how many files are done, and of how many.

    Raises
    ------
    UserError
        When the journal or the class table cannot be written. In the first case nothing has
        changed; in the second, opening the folder again finishes the edit.
    """
    entries = _read_journal(store)
    _write_journal(store, [*entries, _Entry(edit)])
    return finish_pending(store, progress)


def finish_pending(store: AnnotationStore, progress: Progress = lambda done, of: None) -> Outcome:
    """Finish the edits that are noted in the journal; see `apply_edit`."""
    outcome = Outcome()
    entries = _read_journal(store)
    left = []
    for entry in entries:
        problems = _edit_files(store, entry, outcome, progress)
        if entry.images is None:  # else the table has it, and may have been edited again since
            change_table(entry.edit, store.classes)
        outcome.problems |= problems
        if problems:
            left.append(replace(entry, images=tuple(problems)))
    if entries:
        _write_classes(store)
        _write_journal(store, left)
    return outcome


def _edit_files(
    store: AnnotationStore, entry: _Entry, outcome: Outcome, progress: Progress
) -> dict[str, str]:
    """Make one edit in all files that it concerns; gives the problems by image.

    An image at which an edit before failed waits for both, so that they come in their order.
    """
    problems = {}
    images = _stored_images(store) if entry.images is None else entry.images
    for done, name in enumerate(images):
        progress(done, len(images))
        if name in outcome.problems:
            problems[name] = outcome.problems[name]
            continue
        try:
            _edit_image(store, entry.edit, name, outcome)
        except UserError as error:
            problems[name] = f"{entry.edit} is not finished: {error}"
    progress(len(images), len(images))
    return problems


def _edit_image(store: AnnotationStore, edit: ClassEdit, name: str, outcome: Outcome) -> None:
    image = store.folder / name
    if not _may_concern(store, edit, image):
        return
    before: list[Annotation] = []

    def change(annotation: Annotation) -> Annotation | None:
        before.append(annotation)
        return annotation_after(edit, annotation)

    if store.rewrite(image, change):
        outcome.images.append(name)
        outcome.sidecars += store.sidecar_path(image).exists()
        is_held = bool((before[0].mask == edit.label_id).any())
        outcome.masks += is_held and edit.into_id != edit.label_id


def _stored_images(store: AnnotationStore) -> tuple[str, ...]:
    """Give the images, by their paths in the folder, that have a mask or a sidecar.

    Those that were moved away are among them: they may come back.
    """
    top = store.folder / MASK_FOLDER
    files = (path for path in top.rglob("*.*") if path.suffix in (".png", ".json"))
    images = (path.relative_to(top).with_suffix("") for path in files)
    return tuple(sorted({image.as_posix() for image in images if image.suffix}))


def _may_concern(store: AnnotationStore, edit: ClassEdit, image: Path) -> bool:
    """Whether an edit may change the files of an image, without opening the mask if possible."""
    sidecar = read_sidecar(store.sidecar_path(image))
    if sidecar is not None and names_are_touched(edit, sidecar):
        return True
    path = store.mask_path(image)
    if edit.into_id == edit.label_id or not path.exists():
        return False
    known = sidecar and sidecar.of_mask(hashlib.sha256(path.read_bytes()).hexdigest())
    return not known or known.label_ids is None or edit.label_id in known.label_ids


def _read_journal(store: AnnotationStore) -> list[_Entry]:
    path = store.folder / MASK_FOLDER / JOURNAL
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}")
        return [_entry_from_json(entry) for entry in content["edits"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} tells which classes were being edited, and cannot be read ({error}). "
            "Update the plugin, or move the file away and make the edit again."
        ) from error


def _entry_from_json(entry: dict[str, Any]) -> _Entry:
    images = entry["images"]
    return _Entry(ClassEdit(**entry["edit"]), None if images is None else tuple(images))


def _write_journal(store: AnnotationStore, entries: list[_Entry]) -> None:
    path = store.folder / MASK_FOLDER / JOURNAL
    content = {"version": VERSION, "edits": [asdict(entry) for entry in entries]}
    try:
        if entries:
            path.parent.mkdir(exist_ok=True)
            write_text_atomically(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}), so no class was edited. "
            "Allow writing or free some space, then try again."
        ) from error


def _write_classes(store: AnnotationStore) -> None:
    try:
        store.write_classes()
    except OSError as error:
        raise UserError(
            f"{store.class_path} cannot be written ({error.strerror}). Allow writing or free some "
            "space, then open the folder again: the edit of the classes is finished then."
        ) from error
