"""Going on where the folder was left: the image, the place in it, what is shown, the tuning."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, get_args

from qtpy.QtCore import QObject

from weclip_napari.errors import UserError
from weclip_napari.gui.engine import AffinityKind
from weclip_napari.gui.layers import View
from weclip_napari.gui.tuning import Tuning
from weclip_napari.session.resume import Resume, read_resume, write_resume
from weclip_napari.session.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.gui.annotator import Annotator


@dataclass(frozen=True)
class ReadFolder:
    """A folder that was read, where it was left, and the row to open."""

    workspace: Workspace
    resume: Resume | None
    row: int


def read_folder(folder: Path) -> ReadFolder:
    """Read a folder, in any thread.

    Raises
    ------
    UserError
        When it cannot be used.
    """
    workspace = Workspace(folder)
    resume = read_resume(workspace.folder)
    row = None
    if resume is not None:
        rows = range(len(workspace.images))
        row = next((row for row in rows if workspace.name(row) == resume.image), None)
    if row is None:
        resume, row = None, workspace.index.next_unreviewed(-1) or 0
    return ReadFolder(workspace, resume, row)


class Resumption(QObject):
    """Stores where the user is in a folder, and goes back there."""

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self._annotator = annotator
        self._place: tuple[tuple[float, float], float] | None = None

    def begin(self, resume: Resume | None) -> None:
        """Show things as they were when the folder was left."""
        self._place = None
        if resume is None:
            return
        annotator = self._annotator
        annotator.proposer.tuning = Tuning.from_json(resume.settings)
        annotator.tuning_changed.emit()
        kinds = {kind: kind for kind in get_args(AffinityKind)}
        annotator.affinity_kind = kinds.get(resume.settings.get("affinity"), "attention")
        annotator.layers.tag = resume.tag
        annotator.show_view({view: view for view in get_args(View)}.get(resume.view, "mask"))
        annotator.layers.shown = resume.visible
        if resume.zoom > 0:
            self._place = (resume.camera_center, resume.zoom)

    def take_up(self) -> None:
        """Go to the place in the image that was stored, the first time after `begin`."""
        place, self._place = self._place, None
        if place is not None and self._annotator.current is not None:
            self._annotator.viewport.camera = place

    def store(self) -> None:
        """Store where the user is, in the background; a read-only folder stays as it is."""
        noted = self._note()
        if noted is not None:
            self._annotator.files.run(lambda: _write(*noted), _nothing, _nothing)

    def store_now(self) -> None:
        """Store where the user is, and wait for it."""
        noted = self._note()
        if noted is not None:
            self._annotator.files.run_now(lambda: _write(*noted))

    def _note(self) -> tuple[Workspace, Resume] | None:
        annotator = self._annotator
        workspace, layers = annotator.workspace, annotator.layers
        if workspace is None or annotator.current is None or workspace.read_only:
            return None
        center, zoom = annotator.viewport.camera
        settings = {**asdict(annotator.tuning), "affinity": annotator.affinity_kind}
        name, shown = workspace.name(annotator.index), layers.shown
        return workspace, Resume(name, center, zoom, shown, annotator.view, layers.tag, settings)


def _write(workspace: Workspace, resume: Resume) -> None:
    # Where it cannot be stored the next opening starts elsewhere; no work is lost.
    with contextlib.suppress(OSError, UserError):
        write_resume(workspace.folder, resume)


def _nothing(_: object) -> None:
    pass
