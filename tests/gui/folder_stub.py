"""A folder and something like an annotator, for the panel that shows it."""

from dataclasses import replace

from qtpy.QtCore import QObject, Signal

from weclip_napari.gui.jobs import JobRunner
from weclip_napari.session.annotation import Measures
from weclip_napari.session.states import State
from weclip_napari.session.summary import Summary
from weclip_napari.session.workspace import Workspace


class FolderStub(QObject):
    """Opens real folders, but no image; notes what it is asked for."""

    folder_opened = Signal()
    image_opened = Signal(int)
    dirty_changed = Signal(bool)
    row_changed = Signal(int)
    rows_changed = Signal()
    stayed = Signal()

    def __init__(self):
        super().__init__()
        self.workspace = None
        self.index = -1
        self.problems = {}
        self.row_order = list
        self.calls = []
        self.batch = JobRunner(parent=self)

    @property
    def order(self):
        return self.row_order()

    def summary(self, row):
        return self.workspace.index.summary(row)

    def open_folder(self, folder):
        if self.workspace is not None:
            self.workspace.close()
        self.workspace, self.index, self.problems = Workspace(folder), -1, {}
        self.folder_opened.emit()
        self.open_image(0)

    def open_image(self, row):
        self.index = row
        self.image_opened.emit(row)

    def know(self, row, state=State.TODO, tags=(), **measures):
        """Put an image in a state; the measures are given by name."""
        known = replace(Measures(0.0, None), **measures) if measures else None
        self.workspace.index.update(row, Summary(state, tags, (), known))
        self.row_changed.emit(row)

    def __getattr__(self, name):
        if name in {"step", "next_unreviewed", "accept_and_next", "skip", "jump_to", "propose_all"}:
            return lambda *args: self.calls.append((name, *args))
        raise AttributeError(name)
