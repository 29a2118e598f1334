"""How an image of the folder looks in the table: thumbnail, name, and its tags below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from weclip_napari.gui.image_table import TAGS_ROLE

if TYPE_CHECKING:
    from qtpy.QtCore import QModelIndex

ROW_HEIGHT = 34
PICTURE = QSize(42, 30)
GAP = 5
_EMPTY = QColor(128, 128, 128, 40)


class ImageDelegate(QStyledItemDelegate):
    """Paints the first column; the others are plain text."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint thumbnail, name and tags."""
        self.initStyleOption(option, index)
        style = option.widget.style()
        style.drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget
        )
        painter.save()
        frame = QRect(option.rect.topLeft(), PICTURE)
        frame.translate(2, (option.rect.height() - PICTURE.height()) // 2)
        _paint_picture(painter, frame, index.data(Qt.ItemDataRole.DecorationRole))
        left = frame.right() + GAP
        text = option.rect.adjusted(left - option.rect.left(), 2, -2, -2)
        _paint_text(painter, text, option, index)
        painter.restore()


def _paint_picture(painter: QPainter, frame: QRect, picture: QPixmap | None) -> None:
    if picture is None:
        painter.fillRect(frame, _EMPTY)
        return
    size = picture.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = QRect(frame.topLeft(), size)
    place.moveCenter(frame.center())
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawPixmap(place, picture)


def _paint_text(
    painter: QPainter, place: QRect, option: QStyleOptionViewItem, index: QModelIndex
) -> None:
    """Write the name, and the tags below it if there are any."""
    name, tags = index.data(Qt.ItemDataRole.DisplayRole), index.data(TAGS_ROLE)
    is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
    role = QPalette.ColorRole.HighlightedText if is_selected else QPalette.ColorRole.Text
    painter.setPen(option.palette.color(role))  # the text's is the one that the table gives
    painter.setFont(option.font)
    upper, lower = place, place
    if tags:
        half = place.height() // 2
        upper, lower = place.adjusted(0, 0, 0, -half), place.adjusted(0, half, 0, 0)
    _write(painter, upper, name, Qt.TextElideMode.ElideMiddle)
    if tags:
        font = QFont(option.font)
        font.setPointSizeF(option.font.pointSizeF() * 0.85)
        painter.setFont(font)
        painter.setOpacity(0.65)
        _write(painter, lower, tags, Qt.TextElideMode.ElideRight)


def _write(painter: QPainter, place: QRect, text: str, elide: Qt.TextElideMode) -> None:
    shown = painter.fontMetrics().elidedText(text, elide, place.width())
    alignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(place, alignment, shown)
