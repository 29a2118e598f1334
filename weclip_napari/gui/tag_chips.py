"""Tags as small boxes: colour, name, CLIP's probability, and a cross that takes the tag away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget
from superqt.utils import QFlowLayout

from weclip_napari.gui.numbers import percent
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPoint
    from qtpy.QtGui import QMouseEvent

    from weclip_napari.session.class_table import Color

NAME_WIDTH = 180
STYLE = """
TagChip { background: rgba(128, 138, 150, 70); border-radius: 10px; }
TagChip[isChosen="true"] { background: rgba(91, 121, 232, 130); }
TagChip[isRejected="true"] { background: transparent; border: 1px dashed rgba(128, 138, 150, 160); }
TagChip QLabel { font-size: 9pt; background: transparent; padding: 0; margin: 0; }
TagChip[isChosen="false"] QLabel#score { color: rgb(125, 132, 142); }
TagChip[isRejected="true"] QLabel { color: rgb(125, 132, 142); }
TagChip QToolButton { border: none; background: transparent; border-radius: 7px; padding: 0;
    font-size: 9pt; }
TagChip QToolButton:hover { background: rgba(229, 96, 92, 190); }
"""


@dataclass(frozen=True)
class Chip:
    """What a chip shows: a tag, whether it was rejected, its class's colour and CLIP score."""

    tag: str
    is_rejected: bool = False
    color: Color | None = None
    score: float | None = None


class TagChip(QFrame):
    """One chip.

    Signals
    -------
    clicked()
        The chip, but not its cross, was clicked.
    removed()
        The cross was clicked.
    """

    clicked = Signal()
    removed = Signal()

    def __init__(self, chip: Chip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tag, self.is_rejected = chip.tag, chip.is_rejected
        explain(self, "negative_tag" if chip.is_rejected else "tag")
        self.setProperty("isRejected", chip.is_rejected)
        self.setProperty("isChosen", False)
        self._swatch, self.name, self.score = QLabel(), QLabel(), QLabel()
        self._swatch.setFixedSize(9, 9)
        self.score.setObjectName("score")
        self.cross = QToolButton()
        self.cross.setText("×")
        self.cross.setFixedSize(14, 14)
        self.cross.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        explain(self.cross, "unreject" if chip.is_rejected else "remove_tag")
        self._lay_out()
        self.cross.clicked.connect(self.removed)
        self.update_to(chip)

    def update_to(self, chip: Chip) -> None:
        """Show another colour and score of the same tag."""
        self._swatch.setVisible(chip.color is not None)
        if chip.color is not None:
            red, green, blue = chip.color
            self._swatch.setStyleSheet(f"background: rgb({red},{green},{blue}); border-radius: 4px")
        self.score.setText("" if chip.score is None else percent(chip.score))
        self.score.setVisible(chip.score is not None)

    def mark_chosen(self, is_chosen: bool) -> None:
        """Show whether the tag is the one being looked at."""
        if bool(self.property("isChosen")) != is_chosen:
            self.setProperty("isChosen", is_chosen)
            for widget in (self, self.score):
                widget.style().unpolish(widget)
                widget.style().polish(widget)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell of a click."""
        if event.button() == Qt.MouseButton.LeftButton and self._holds(event.pos()):
            self.clicked.emit()

    def _holds(self, position: QPoint) -> bool:
        return bool(self.rect().contains(position))

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(7, 2, 4, 2)
        layout.setSpacing(4)
        for widget in (self._swatch, self.name, self.score, self.cross):
            layout.addWidget(widget)
        font = self.name.font()
        font.setStrikeOut(self.is_rejected)
        self.name.setFont(font)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        metrics = self.name.fontMetrics()
        self.name.setText(metrics.elidedText(self.tag, Qt.TextElideMode.ElideRight, NAME_WIDTH))
        if self.name.text() != self.tag:
            self.name.setToolTip(self.tag)


class TagChips(QWidget):
    """The chips of an image, in as many lines as they need.

    Signals
    -------
    clicked(str)
        A tag that was not rejected was clicked.
    removed(str)
        The cross of a tag was clicked.
    unrejected(str)
        The cross of a rejected tag was clicked.
    """

    clicked = Signal(str)
    removed = Signal(str)
    unrejected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chips: list[TagChip] = []
        self._chosen: str | None = None
        self.setStyleSheet(STYLE)
        self._layout = QFlowLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setHorizontalSpacing(4)
        self._layout.setVerticalSpacing(4)

    def show_chips(self, chips: Sequence[Chip], *, is_fixed: bool = False) -> None:
        """Show these chips, without crosses where the tags are fixed.

        Those that are there already stay the same widgets.
        """
        shown = [(chip.tag, chip.is_rejected) for chip in self.chips]
        if shown != [(chip.tag, chip.is_rejected) for chip in chips]:
            self._rebuild(chips)
        for widget, chip in zip(self.chips, chips, strict=True):
            widget.update_to(chip)
            widget.cross.setVisible(not is_fixed)
        self.show_chosen(self._chosen)

    def show_chosen(self, tag: str | None) -> None:
        """Mark the tag that is being looked at."""
        self._chosen = tag
        for chip in self.chips:
            chip.mark_chosen(chip.tag == tag and not chip.is_rejected)

    def _rebuild(self, chips: Sequence[Chip]) -> None:
        old = {(chip.tag, chip.is_rejected): chip for chip in self.chips}
        while self._layout.takeAt(0) is not None:
            pass
        self.chips = [old.get((chip.tag, chip.is_rejected)) or self._make(chip) for chip in chips]
        for chip in self.chips:
            self._layout.addWidget(chip)
            chip.show()
        for gone in set(old.values()).difference(self.chips):
            gone.hide()
            gone.deleteLater()
        self.setVisible(bool(chips))
        self.updateGeometry()

    def _make(self, chip: Chip) -> TagChip:
        made = TagChip(chip, self)
        made.clicked.connect(lambda: chip.is_rejected or self.clicked.emit(chip.tag))
        taken_away = self.unrejected if chip.is_rejected else self.removed
        made.removed.connect(lambda: taken_away.emit(chip.tag))
        return made
