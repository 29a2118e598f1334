"""The annotator's dock widget: Plugins → WeCLIP for napari → Annotator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QDialog,
    QFrame,
    QMessageBox,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.gui.annotator import Annotator
from weclip_napari.gui.class_panel import ClassPanel
from weclip_napari.gui.folder_panel import FolderPanel
from weclip_napari.gui.key_bindings import KeyBindings
from weclip_napari.gui.propose_tab import ProposeTab
from weclip_napari.gui.retrain_panel import RetrainPanel
from weclip_napari.gui.samples import PLUGIN, SAMPLE
from weclip_napari.gui.settings import engine_for, read_settings, watch_settings
from weclip_napari.gui.shortcut_sheet import ShortcutSheet
from weclip_napari.gui.status_panel import StatusPanel
from weclip_napari.gui.tool_panel import ToolPanel
from weclip_napari.gui.tooltips import explain_again, use_keys

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
        self._is_closing = self._is_down = False
        settings = settings or read_settings()
        use_keys(settings.keys)
        self.annotator = Annotator(viewer, engine or engine_for(settings), self)
        self.folder_panel = FolderPanel(self.annotator)
        self.propose_tab = ProposeTab(self.annotator)
        self.tag_panel = self.propose_tab.tags
        self.result_panel = self.propose_tab.results
        self.tuning_panel = self.propose_tab.tuning
        self.tool_panel = ToolPanel(self.annotator)
        self.class_panel = ClassPanel(self.annotator)
        self.retrain_panel = RetrainPanel(self.annotator)
        self.status_panel = StatusPanel(self.annotator)
        self.tabs = QTabWidget()
        for title, panel in (
            ("Propose", self.propose_tab),
            ("Correct", self.tool_panel),
            ("Classes", self.class_panel),
            ("Retrain", self.retrain_panel),
        ):
            self.tabs.addTab(_scrolled(panel), title)
        layout = QVBoxLayout(self)
        layout.addWidget(self.folder_panel, 2)
        layout.addWidget(self.tabs, 3)
        layout.addWidget(self.status_panel)
        self.setMinimumWidth(375)  # each tab fits in, beside its scroll bar
        self.status_panel.keys_wanted.connect(self._show_keys)
        self.keys = KeyBindings(self.annotator.viewport, self._actions())
        self.annotator.class_work.bind_keys()
        self._take_over(settings)
        self._end_watch = watch_settings(lambda: self._take_over(read_settings()))

    def open_folder(self, folder: str | os.PathLike[str]) -> bool:
        """Open a folder of images; False when that failed, with the reason in the panel."""
        return self.annotator.open_folder(folder)

    def open_sample(self, folder: str | os.PathLike[str]) -> bool:
        """Open the sample folder in place of the picture that napari added for it."""
        viewport = self.annotator.viewport
        viewport.remove(viewport.from_sample((PLUGIN, SAMPLE)))
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
        """Save before the window closes; if that fails, ask before the work is lost.

        Once it is closed, let go of the folder: the program may go on without the window.
        """
        if watched is self.window() and event.type() == QEvent.Type.Close:
            self._is_closing = self.annotator.save_now() or self._may_lose_work()
            if not self._is_closing:
                event.ignore()
                return True
        if watched is self.window() and event.type() == QEvent.Type.Hide and self._is_closing:
            self._close_down()
        return bool(super().eventFilter(watched, event))

    def _close_down(self) -> None:
        """Stop all work and let go of the folder, once."""
        if self._is_down:
            return
        self._is_down = True
        self._end_watch()
        self.keys.unbind()
        self.annotator.class_work.unbind_keys()
        self.folder_panel.close_down()
        self.retrain_panel.close_down()
        is_saved = self.annotator.close(keep_layers=self._is_closing)
        if not is_saved and not self._is_closing:
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
        tools = self.tool_panel
        return {
            **self.folder_panel.actions(),
            "save": self.annotator.save,
            "propose": self.tag_panel.propose,
            "type_tags": self._type_tags,
            "suggest": self._suggest,
            "next_view": self.result_panel.next_view,
            "affinity_brush": tools.toggle_affinity_brush,
            "overrule": tools.toggle_overrule,
            "fill_holes": tools.fill_holes,
            "remove_islands": tools.remove_islands,
            "smooth": tools.smooth,
            "snap": tools.snap,
            "retrain": self._retrain,
            "keys": self._show_keys,
        }

    def _type_tags(self) -> None:
        self.tabs.setCurrentIndex(0)
        self.tag_panel.entry.setFocus()

    def _suggest(self) -> None:
        self.tabs.setCurrentIndex(0)
        self.tag_panel.suggest()

    def _retrain(self) -> None:
        self.tabs.setCurrentIndex(self.tabs.count() - 1)
        self.retrain_panel.start()

    def _show_keys(self) -> None:
        """Show the sheet of keys in a window of its own, which Esc closes."""
        sheet = QDialog(self.window())
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sheet.setWindowTitle("Keys (WeCLIP for napari)")
        QVBoxLayout(sheet).addWidget(ShortcutSheet())
        height = self.screen().availableGeometry().height()
        sheet.resize(680, min(880, height - 60))
        sheet.show()

    def _take_over(self, settings: Settings) -> None:
        """Use preferences that need no other model."""
        use_keys(settings.keys)
        explain_again(self)
        self.keys.bind()
        self.annotator.saver.set_period(settings.autosave_seconds)
        self.annotator.propose_on_open = settings.propose_on_open
        if settings.notes:
            self.annotator.failed.emit(" ".join(settings.notes))


def _scrolled(panel: QWidget) -> QScrollArea:
    """Let a panel be taller than what a small screen leaves for it."""
    area = QScrollArea()
    area.setWidget(panel)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumSize(panel.minimumSizeHint().width(), 240)
    return area
