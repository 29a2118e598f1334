"""A sheet of the annotator's keys: Plugins → WeCLIP for napari → Keys."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from weclip_napari.gui.tooltips import KEYS, TOOLTIPS, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_CLASSES = ("Alt+1 … Alt+9", "Paint with the class that has this key in the tab Classes.")
_LABELS_LAYER = (
    ("1", "Eraser"),
    ("2", "Brush"),
    ("3", "Polygon"),
    ("4", "Fill"),
    ("5", "Pick the class of a pixel to paint with"),
    ("6, or hold Space", "Move the picture"),
    ("[ ]", "Smaller or larger brush"),
    ("Ctrl+Z", "Take back the last stroke or proposal"),
    ("Ctrl+Shift+Z", "Do it again"),
)
"""What napari binds on a Labels layer and an annotator needs most."""


class ShortcutSheet(QWidget):
    """All keys, ours and those of napari's Labels layer, with what they do."""

    def __init__(self) -> None:
        super().__init__()
        ours = [(key_of(name), TOOLTIPS[name]) for name in KEYS if key_of(name)]
        ours.append(_CLASSES)
        sheet = QLabel(_table("Annotator", ours) + _table("Labels layer (napari)", _LABELS_LAYER))
        sheet.setWordWrap(True)
        sheet.setAlignment(Qt.AlignmentFlag.AlignTop)
        sheet.setContentsMargins(8, 0, 8, 0)
        area = QScrollArea()
        area.setWidget(sheet)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        QVBoxLayout(self).addWidget(area)


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td><b>{escape(key)}</b>&nbsp;&nbsp;</td><td>{escape(text)}</td></tr>"
        for key, text in rows
    )
    return f"<h3>{escape(title)}</h3><table cellpadding='3'>{cells}</table>"
