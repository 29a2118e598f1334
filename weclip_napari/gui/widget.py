"""The annotator's dock widget: Plugins → WeCLIP for napari → Annotator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QVBoxLayout, QWidget

from weclip_napari.gui.annotator import Annotator
from weclip_napari.gui.folder_panel import FolderPanel
from weclip_napari.gui.result_panel import ResultPanel
from weclip_napari.gui.samples import PLUGIN, SAMPLE
from weclip_napari.gui.settings import engine_for, read_settings
from weclip_napari.gui.status_panel import StatusPanel
from weclip_napari.gui.tag_panel import TagPanel
from weclip_napari.gui.tooltips import key_of, use_keys

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import napari.viewer
    from qtpy.QtGui import QHideEvent, QShowEvent

    from weclip_napari.gui.engine import Engine
    from weclip_napari.gui.settings import Settings


class AnnotatorWidget(QWidget):
    """Type tags, get masks, correct them, go on to the next image.

    Parameters
    ----------
    viewer
        Given by napari.
    engine, settings
        The model and the preferences; by default those of the user.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        engine: Engine | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        settings = settings or read_settings()
        use_keys(settings.keys)
        self.annotator = Annotator(viewer, engine or engine_for(settings), self)
        self.folder_panel = FolderPanel(self.annotator)
        self.tag_panel = TagPanel(self.annotator)
        self.result_panel = ResultPanel(self.annotator)
        self.status_panel = StatusPanel(self.annotator)
        layout = QVBoxLayout(self)
        layout.addWidget(self.folder_panel, 3)
        layout.addWidget(self.tag_panel)
        layout.addWidget(self.result_panel, 2)
        layout.addWidget(self.status_panel)
        self.setMinimumWidth(330)
        self._bind_keys()

    def open_folder(self, folder: str | os.PathLike[str]) -> bool:
        """Open a folder of images; False when that failed, with the reason in the panel."""
        return self.annotator.open_folder(folder)

    def open_sample(self, folder: str | os.PathLike[str]) -> bool:
        """Open the sample folder in place of the picture that napari added for it."""
        for layer in [x for x in self._viewer.layers if x.source.sample == (PLUGIN, SAMPLE)]:
            self._viewer.layers.remove(layer)
        return self.open_folder(folder)

    def showEvent(self, event: QShowEvent) -> None:
        """Watch the window, to save before it closes."""
        super().showEvent(event)
        self.window().installEventFilter(self)

    def event(self, event: QEvent) -> bool:
        """Take everything down when the panel is closed for good: napari then undocks it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()
        return bool(super().event(event))

    def hideEvent(self, event: QHideEvent) -> None:
        """Save when the panel is closed or hidden."""
        self.annotator.autosave()
        super().hideEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Save before the window closes; if that fails, ask before the work is lost."""
        if watched is self.window() and event.type() == QEvent.Type.Close:
            if not self.annotator.autosave() and not self._may_lose_work():
                event.ignore()
                return True
        return bool(super().eventFilter(watched, event))

    def _close_down(self) -> None:
        for name in self._actions():
            self._viewer.bind_key(key_of(name), None)
        if not self.annotator.close():
            show_error(f"{self.status_panel.message.text()} The layers are still there.")

    def _may_lose_work(self) -> bool:
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Close without saving?",
            f"{self.status_panel.message.text()}\n\nClose and lose the changes of this image?",
            buttons.Close | buttons.Cancel,
            buttons.Cancel,
        )
        return bool(answer == buttons.Close)

    def _actions(self) -> dict[str, Callable[[], object]]:
        return {
            "previous": lambda: self.annotator.step(-1),
            "next": lambda: self.annotator.step(1),
            "save": self.annotator.save,
            "propose": self.tag_panel.propose,
            "type_tags": self.tag_panel.entry.setFocus,
            "next_view": self.result_panel.next_view,
        }

    def _bind_keys(self) -> None:
        for name, action in self._actions().items():
            self._viewer.bind_key(key_of(name), lambda _, action=action: action(), overwrite=True)
