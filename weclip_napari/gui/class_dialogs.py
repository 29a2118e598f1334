"""Questions before a class is renamed, merged or deleted, and the progress of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.gui.class_model import swatch
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.class_edits import delete, merge
from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QCloseEvent

    from weclip_napari.session.class_edits import ClassEdit, Touched
    from weclip_napari.session.class_table import ClassTable, LabelClass

    Count = Callable[[ClassEdit], Touched]

WIDTH = 380
PATIENCE_MS = 400


class EditDialog(QDialog):
    """Asks whether to make an edit, and says what it touches.

    Parameters
    ----------
    parent
        The window to ask in.
    count
        Counts what an edit touches.
    unread
        How many images of the folder could not be counted yet.
    agree
        What the button says that agrees.
    """

    def __init__(self, parent: QWidget | None, count: Count, unread: int, agree: str) -> None:
        super().__init__(parent)
        self._count, self._unread = count, unread
        self.setMinimumWidth(WIDTH)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Cancel)
        self.buttons.addButton(agree, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.inputs = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(self.inputs)
        layout.addWidget(self.text)
        layout.addWidget(self.buttons)

    def wanted(self) -> ClassEdit:
        """Give the edit as it is chosen now."""
        raise NotImplementedError

    def ask(self) -> ClassEdit | None:
        """Show the dialog; give the edit if the user agreed."""
        self.show_touched()
        return self.wanted() if self.exec() == QDialog.DialogCode.Accepted else None

    def show_touched(self) -> None:
        """Say what the chosen edit touches."""
        edit = self.wanted()
        self.text.setText(touched_text(edit, self._count(edit), self._unread))


class RenameDialog(EditDialog):
    """Asks whether saved files shall follow a new name; `note` is something else to consider."""

    def __init__(
        self, parent: QWidget | None, edit: ClassEdit, count: Count, unread: int, note: str
    ) -> None:
        super().__init__(parent, count, unread, "Rename")
        self._edit = edit
        self.setWindowTitle(f"Rename '{edit.name}'")
        self.inputs.addWidget(_plain(f"Rename '{edit.name}' to '{edit.into}'?"))
        if note:
            self.inputs.addWidget(_plain(note))

    def wanted(self) -> ClassEdit:
        """Give the edit."""
        return self._edit


class MergeDialog(EditDialog):
    """Asks which class a class shall become part of."""

    def __init__(
        self,
        parent: QWidget | None,
        classes: ClassTable,
        label_class: LabelClass,
        count: Count,
        unread: int,
    ) -> None:
        super().__init__(parent, count, unread, "Merge")
        self._classes, self._label_class = classes, label_class
        self.setWindowTitle(f"Merge '{label_class.name}'")
        self.into = QComboBox()
        explain(self.into, "merge_into")
        for other in classes:
            if other.id != label_class.id:
                self.into.addItem(swatch(other), other.name, other.id)
        self.inputs.addWidget(_plain(f"Merge '{label_class.name}' into"))
        self.inputs.addWidget(self.into)
        self.into.currentIndexChanged.connect(lambda _: self.show_touched())

    def wanted(self) -> ClassEdit:
        """Give the edit as it is chosen now."""
        return merge(self._classes, self._label_class.id, self.into.currentData())


class DeleteDialog(EditDialog):
    """Asks what the pixels of a deleted class become."""

    def __init__(
        self,
        parent: QWidget | None,
        classes: ClassTable,
        label_class: LabelClass,
        count: Count,
        unread: int,
    ) -> None:
        super().__init__(parent, count, unread, "Delete")
        self._classes, self._label_class = classes, label_class
        self.setWindowTitle(f"Delete '{label_class.name}'")
        self.background = QRadioButton("background (0): the class is not there")
        self.ignore = QRadioButton("ignore (255): don't know what is there")
        self.background.setChecked(True)
        explain(self.background, "fill_background")
        explain(self.ignore, "fill_ignore")
        self.inputs.addWidget(_plain(f"The pixels of '{label_class.name}' become"))
        self.inputs.addWidget(self.background)
        self.inputs.addWidget(self.ignore)

    def wanted(self) -> ClassEdit:
        """Give the edit as it is chosen now."""
        fill = IGNORE if self.ignore.isChecked() else BACKGROUND
        return delete(self._classes, self._label_class.id, fill)


class EditProgress(QDialog):
    """Shows how far an edit is, unless it is soon done; it goes then, and not before."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Classes")
        self.setModal(True)
        self.setMinimumWidth(WIDTH)
        self.text, self.bar = QLabel("Changing saved files…"), QProgressBar()
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addWidget(self.bar)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.show)
        self._timer.start(PATIENCE_MS)

    def show_progress(self, done: int, of: int) -> None:
        """Show how many files are done."""
        self.bar.setMaximum(of)
        self.bar.setValue(done)
        self.text.setText(f"Changing saved files: {done} of {of}")

    def finish(self) -> None:
        """Go."""
        self._timer.stop()
        self.hide()
        self.deleteLater()

    def reject(self) -> None:
        """Stay when Esc is pressed: the files are being changed whatever is shown."""

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stay open."""
        event.ignore()


def touched_text(edit: ClassEdit, touched: Touched, unread: int) -> str:
    """Say what an edit touches, in sentences."""
    masks, sidecars = _number(touched.masks, "saved mask"), _number(touched.sidecars, "sidecar")
    held = f"{masks} {'holds' if touched.masks == 1 else 'hold'} '{edit.name}'."
    if edit.kind == "rename":
        rewritten = f"Their pixels stay as they are; {sidecars} will be rewritten."
    else:
        rewritten = f"{masks} and {sidecars} will be rewritten. This cannot be undone."
    if not touched.masks and not touched.sidecars:
        held, rewritten = f"No saved file holds '{edit.name}'.", ""
    uncounted = f"{_number(unread, 'image')} could not be counted yet." if unread else ""
    return " ".join(part for part in (held, rewritten, uncounted) if part)


def _number(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _plain(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
