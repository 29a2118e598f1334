"""README's picture, from a real window: ``python -m weclip_napari.gui.screenshot OUT.png``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEventLoop, QTimer

from weclip_napari.gui.launch import dock_annotator
from weclip_napari.scenes import write_scenes

if TYPE_CHECKING:
    from weclip_napari.gui.engine import Engine
    from weclip_napari.gui.widget import AnnotatorWidget

SEED, COUNT, SIDE = 18, 8, 384
WINDOW = (1440, 900)
PATIENCE_S = 120


def take_screenshot(path: Path, engine: Engine | None = None) -> None:
    """Propose masks for a drawn scene in a real window and save what the window shows.

    Parameters
    ----------
    path
        The PNG file to write.
    engine
        The model; the embedded one by default.

    Raises
    ------
    SystemExit
        When no proposal came; its message says why.
    """
    import napari

    with tempfile.TemporaryDirectory() as folder:
        write_scenes(Path(folder, "scenes"), COUNT, SEED, SIDE)
        viewer = napari.Viewer(title="WeCLIP for napari")
        viewer.window.resize(*WINDOW)
        widget = dock_annotator(viewer, engine)
        widget.open_folder(Path(folder, "scenes"))
        _wait_for_proposal(widget, 0)
        widget.annotator.accept_and_next()
        _wait_for_proposal(widget, 1)
        widget.result_panel.show_view("all")
        _wait(500)
        path.parent.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(str(path), canvas_only=False, flash=False)
        widget.annotator.close()
        viewer.close()


def _wait_for_proposal(widget: AnnotatorWidget, row: int) -> None:
    """Wait until a scene shows the masks for the tags that came with it."""
    annotator, failures = widget.annotator, list[str]()
    annotator.failed.connect(failures.append)
    end = time.monotonic() + PATIENCE_S
    while annotator.index != row or annotator.proposal is None or not annotator.is_idle:
        if failures or time.monotonic() > end:
            raise SystemExit("; ".join(failures) or "No proposal came in time.")
        _wait(20)
    annotator.failed.disconnect(failures.append)


def _wait(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    take_screenshot(Path(sys.argv[1]))
