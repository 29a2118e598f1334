"""README's picture, from a real window: ``python -m weclip_napari.gui.screenshot OUT.png``."""

from __future__ import annotations

import sys
import tempfile
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
PATIENCE_MS = 120_000


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
        for row in range(2):
            widget.annotator.open_image(row)
            _propose(widget)
        widget.result_panel.show_view("all")
        _wait(500)
        path.parent.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(str(path), canvas_only=False, flash=False)
        widget.annotator.close()
        viewer.close()


def _propose(widget: AnnotatorWidget) -> None:
    """Propose for the tags that came with the scene, and wait for the masks."""
    loop = QEventLoop()
    failures: list[str] = []
    widget.annotator.failed.connect(failures.append)
    widget.annotator.jobs.busy_changed.connect(lambda is_busy: is_busy or loop.quit())
    widget.tag_panel.propose()
    QTimer.singleShot(PATIENCE_MS, loop.quit)
    loop.exec()
    if failures or not widget.result_panel.table.rowCount():
        raise SystemExit("; ".join(failures) or "No proposal came in time.")


def _wait(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    take_screenshot(Path(sys.argv[1]))
