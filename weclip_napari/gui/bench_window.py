"""A window of napari that a program uses as a person would: keys, mouse, patience."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest

from weclip_napari.errors import UserError
from weclip_napari.gui.engine import Engine
from weclip_napari.gui.launch import WINDOW, dock_annotator, finish_work
from weclip_napari.gui.tooltips import key_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from qtpy.QtWidgets import QSlider, QWidget

PATIENCE_S = 60
POLL_MS = 5


class BenchWindow:
    """A window with the annotator and the embedded model.

    Parameters
    ----------
    kept
        Where encoded images are kept on the disk.
    memory_mib
        How much memory encoded images may take.
    """

    def __init__(self, kept: Path, memory_mib: int) -> None:
        import napari

        self._viewer = napari.Viewer(title="WeCLIP for napari")
        self._viewer.window.resize(*WINDOW)
        engine = Engine(memory_mib=memory_mib, cache_folder=kept)
        self._widget = dock_annotator(self._viewer, engine)
        self._annotator = self._widget.annotator
        self._canvas = self._widget.window().findChildren(QOpenGLWidget)[0]

    def __enter__(self) -> BenchWindow:
        """Use the window that is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the window."""
        self._viewer.close()
        finish_work()

    def open_folder(self, folder: Path) -> float:
        """Open a folder and return the milliseconds until its first image is shown."""
        opened = self._annotator.image_opened
        return self._time(opened, lambda: self._widget.open_folder(folder))

    def rest(self) -> None:
        """Wait until nothing is under way and the neighbours are ready."""
        self._until(lambda: self._annotator.is_idle and self._is_ahead())

    def go_to(self, row: int) -> None:
        """Open an image and wait for its proposal."""
        if row != self._annotator.index:
            self._time_proposal_of(row, lambda: self._annotator.open_image(row))

    def time_next(self) -> float:
        """Press the key of "next"; return the milliseconds until its proposal is shown."""
        row = self._annotator.index + 1
        return self._time_proposal_of(row, lambda: self._press_key("next"))

    def accept_and_next(self) -> None:
        """Press the key of "accept and next" and wait for the proposal of the next image."""
        row = self._annotator.index + 1
        self._time_proposal_of(row, lambda: self._press_key("accept_and_next"))

    def propose(self) -> None:
        """Propose for the tags of the open image."""
        self.rest()
        self.time_proposal(lambda: self._press_key("propose"))
        self.rest()

    def known_classes(self) -> tuple[str, ...]:
        """Return the classes that the model's decoder knows."""
        info = self._annotator.engine.info
        return () if info is None else info.classes

    def set_tags(self, tags: tuple[str, ...]) -> None:
        """Replace the tags of the open image."""
        self._widget.tag_panel.set_tags(tags)

    def type_text(self, text: str) -> None:
        """Type into the field of the tags."""
        self._widget.tag_panel.entry.setFocus()
        QTest.keyClicks(self._widget.tag_panel.entry, text)

    def press_enter(self) -> None:
        """Press Enter in the field of the tags, or in the list that it shows."""
        entry = self._widget.tag_panel.entry
        popup = entry.completer().popup() if entry.completer() else None
        self.press(popup if popup and popup.isVisible() else entry, Qt.Key.Key_Return)

    def first_threshold(self) -> QSlider:
        """Return the slider of the first tag's threshold."""
        panel = self._widget.result_panel
        return panel.threshold(self._annotator.results[0].tag)

    def press(self, widget: QWidget, key: Qt.Key) -> None:
        """Press a key in a widget."""
        QTest.keyClick(widget, key)

    def paint(self) -> None:
        """Draw a stroke through the middle of the picture."""
        layer = self._viewer.layers["proposal"]
        layer.mode, layer.selected_label, layer.brush_size = "paint", 1, 20
        button, middle = Qt.MouseButton.LeftButton, self._canvas.rect().center()
        QTest.mousePress(self._canvas, button, pos=middle)
        QTest.mouseMove(self._canvas, middle + QPoint(40, 10))
        QTest.mouseRelease(self._canvas, button, pos=middle + QPoint(40, 10))

    def time_proposal(self, action: Callable[[], object]) -> float:
        """Return the milliseconds from an event to a proposal in the layers."""
        return self._time(self._annotator.proposal_shown, action, lambda results: bool(results))

    def _time_proposal_of(self, row: int, action: Callable[[], object]) -> float:
        return self._time(
            self._annotator.proposal_shown,
            action,
            lambda results: bool(results) and self._annotator.index == row,
        )

    def _is_ahead(self) -> bool:
        """Whether the next image is ready, if there is one."""
        annotator, row = self._annotator, self._annotator.index + 1
        assert annotator.workspace is not None  # noqa: S101
        return row >= len(annotator.workspace.images) or annotator.prefetcher.is_ready(row)

    def _press_key(self, name: str) -> None:
        QTest.keyClicks(self._canvas, key_of(name))

    def _time(
        self,
        signal: Any,
        action: Callable[[], object],
        is_wanted: Callable[..., bool] = lambda *_: True,
    ) -> float:
        """Return the milliseconds from an action to a signal with the right content."""
        loop, ends = QEventLoop(), []

        def note(*content: Any) -> None:
            if is_wanted(*content):
                ends.append(time.perf_counter())
                loop.quit()

        signal.connect(note)
        start = time.perf_counter()
        action()
        if not ends:
            self._run(loop)
        signal.disconnect(note)
        if not ends:
            raise self._impatience()
        return 1000 * (ends[0] - start)

    def _until(self, is_done: Callable[[], bool]) -> None:
        loop, timer, ends = QEventLoop(), QTimer(), []

        def look() -> None:
            if is_done():
                ends.append(True)
                loop.quit()

        timer.timeout.connect(look)
        timer.start(POLL_MS)
        self._run(loop)
        timer.stop()
        if not ends:
            raise self._impatience()

    def _run(self, loop: QEventLoop) -> None:
        patience = QTimer()
        patience.setSingleShot(True)
        patience.timeout.connect(loop.quit)
        patience.start(1000 * PATIENCE_S)
        loop.exec()

    def _impatience(self) -> UserError:
        told = self._widget.status_panel.message.text()
        return UserError(f"The annotator did not answer within {PATIENCE_S} seconds. {told}")
