"""Editors in the cells of the class table that take effect while they are open."""

from __future__ import annotations

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from weclip_napari.gui.class_model import NOTHING
from weclip_napari.session.class_table import KEYS

STEP = 0.05


class KeyDelegate(QStyledItemDelegate):
    """A choice of the number keys."""

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        """Offer the keys at once."""
        box = QComboBox(parent)
        for key in ("", *KEYS):
            box.addItem(key or NOTHING, key)
        box.activated.connect(lambda _: self._take(box))
        return box

    def setEditorData(self, editor: QWidget, index: QModelIndex) -> None:
        """Show the key that the class has, and the others below."""
        assert isinstance(editor, QComboBox)  # noqa: S101
        editor.setCurrentIndex(max(editor.findData(index.data(Qt.ItemDataRole.EditRole)), 0))
        editor.showPopup()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex) -> None:
        """Give the class the chosen key."""
        assert isinstance(editor, QComboBox)  # noqa: S101
        model.setData(index, editor.currentData(), Qt.ItemDataRole.EditRole)

    def _take(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box)


class ThresholdDelegate(QStyledItemDelegate):
    """A number from 0 to 1; each step of it is taken over at once."""

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        """Offer a number that the arrow keys and the wheel change in small steps."""
        box = QDoubleSpinBox(parent)
        box.setRange(0, 1)
        box.setDecimals(2)
        box.setSingleStep(STEP)
        box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)  # the cell is narrow
        box.setKeyboardTracking(False)  # a number that is half typed is none
        box.setValue(index.data(Qt.ItemDataRole.EditRole))
        box.valueChanged.connect(lambda _: self.commitData.emit(box))
        return box

    def setEditorData(self, editor: QWidget, index: QModelIndex) -> None:
        """Show the threshold that the class has."""
        assert isinstance(editor, QDoubleSpinBox)  # noqa: S101
        editor.setValue(index.data(Qt.ItemDataRole.EditRole))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex) -> None:
        """Give the class the threshold."""
        assert isinstance(editor, QDoubleSpinBox)  # noqa: S101
        model.setData(index, editor.value(), Qt.ItemDataRole.EditRole)
