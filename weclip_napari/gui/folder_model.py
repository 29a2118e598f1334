"""Which model a folder has in use: one that was retrained on it, or the user's own choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from weclip_napari.errors import UserError
from weclip_napari.gui.jobs import JobRunner
from weclip_napari.gui.native_libraries import gentle_imports
from weclip_napari.session.folder_models import model_in_use, models_folder
from weclip_napari.session.states import REVIEWED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from weclip_napari.core.model_store import ModelStore
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.engine import Report


class FolderModel(QObject):
    """Uses the model that was kept for a folder, as long as that folder is open.

    Signals
    -------
    changed()
        Another model is in use.

    Attributes
    ----------
    name
        Of the folder's model that is in use; empty when it is the user's own choice.
    """

    changed = Signal()

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self.name = ""
        self.jobs = JobRunner(parent=self)
        self._annotator = annotator
        annotator.folder_opened.connect(self._take_up)
        self.jobs.failed.connect(annotator.failed)

    def keep(
        self,
        model: Path,
        name: str,
        scores: Mapping[str, float | None],
        on_kept: Callable[[], object],
    ) -> None:
        """Store a model with the folder and use it from now on.

        Parameters
        ----------
        model
            Its folder; it is copied.
        name
            What to call it.
        scores
            From class to IoU in percent.
        on_kept
            Called when it is in use.
        """
        parent = self._annotator.engine.spec

        def change(store: ModelStore) -> None:
            if name not in {stored.name for stored in store.models()}:
                store.add(model, name, parent=parent, scores=scores)
            store.promote(name)

        self._change(change, f"Proposals now come from the model '{name}'.", on_kept)

    def roll_back(self) -> None:
        """Use the model again that was in use before the present one."""
        said = "Proposals come from the model before again."
        self._change(lambda store: store.roll_back(), said, lambda: None)

    def _change(
        self, change: Callable[[ModelStore], object], said: str, on_done: Callable[[], object]
    ) -> None:
        workspace = self._annotator.workspace
        if workspace is None:
            return
        if workspace.read_only:
            self._annotator.tell_read_only()
            return
        folder = workspace.folder

        def work(report: Report) -> Path | None:
            with gentle_imports():
                from weclip_napari.core.model_store import ModelStore

            change(ModelStore(models_folder(folder)))
            return model_in_use(folder)

        def done(path: Path | None) -> None:
            if self._annotator.workspace is workspace:
                self._use(path)
                on_done()
                self._propose_anew()
                self._annotator.noted.emit(said)

        self.jobs.start(work, done)

    def _take_up(self) -> None:
        """Use the model of the folder that was just opened, before anything is proposed there."""
        workspace = self._annotator.workspace
        assert workspace is not None  # noqa: S101
        self.jobs.cancel()
        try:
            path = model_in_use(workspace.folder)
        except (OSError, UserError):
            path = None
        self._use(path)

    def _use(self, path: Path | None) -> None:
        self.name = "" if path is None else path.name
        self._annotator.engine.choose_model(None if path is None else str(path))
        self._annotator.prefetcher.drop()
        self.changed.emit()

    def _propose_anew(self) -> None:
        """Bring the open image up to date unless it is reviewed, then all that nobody touched."""
        annotator = self._annotator
        annotator.set_overrule(False)  # it was meant for proposals that the user asks for
        image = annotator.current
        is_due = bool(annotator.tags) and annotator.state not in REVIEWED
        if image is not None and is_due and not annotator.is_read_only:
            annotator.propose()
        elif image is not None:
            annotator.proposer.begin(image)
        annotator.folder_batch.start_anew()
