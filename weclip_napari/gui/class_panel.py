"""The class set of the folder: names, colours, prompt words, keys, thresholds, and the prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QFrame,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.errors import UserError
from weclip_napari.gui.buttons import Field, button, row_of
from weclip_napari.gui.class_delegates import KeyDelegate, ThresholdDelegate
from weclip_napari.gui.class_dialogs import (
    DeleteDialog,
    EditProgress,
    MergeDialog,
    RenameDialog,
)
from weclip_napari.gui.class_files import ClassFiles
from weclip_napari.gui.class_model import COLOR, KEY, NAME, THRESHOLD, WORDS, ClassModel
from weclip_napari.gui.class_prompts import PromptEditor
from weclip_napari.gui.table_style import style_table
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.class_edits import rename
from weclip_napari.session.class_table import parse_tags

if TYPE_CHECKING:
    from qtpy.QtCore import QModelIndex

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.class_edits import ClassEdit
    from weclip_napari.session.class_table import LabelClass, PromptSettings

_WIDTHS = {COLOR: 24, KEY: 38, THRESHOLD: 50}
_ROW_HEIGHT = 26


class ClassPanel(QWidget):
    """Edits the classes; saved masks follow, and the proposal is brought up to date."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator, self._work = annotator, annotator.class_work
        self._progress: EditProgress | None = None
        self.model = ClassModel(self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.entry = Field()
        self.entry.setPlaceholderText("New class")
        explain(self.entry, "class_name")
        self.add_button = button("Add", "add_class", self.add)
        self.merge_button = button("Merge…", "merge_class", self.merge)
        self.delete_button = button("Delete…", "delete_class", self.delete)
        self.files = ClassFiles(annotator, self)
        self.prompts = PromptEditor()
        self._style_table()
        self._lay_out()
        self._connect()
        self._show()

    @property
    def chosen(self) -> LabelClass | None:
        """The class in the selected row."""
        selected = self.table.selectionModel().selectedRows()
        return self.model.at(selected[0].row()) if selected else None

    def add(self) -> None:
        """Add what was typed as new classes."""
        classes = self._work.classes
        if classes is None:
            return
        try:
            added = [classes.ensure(name) for name in parse_tags(self.entry.text())]
        except UserError as error:
            self._annotator.failed.emit(str(error))
        else:
            self.entry.clear()
            self._work.changed()
            if added:
                self._work.paint_with(added[-1].id)

    def rename(self, label_id: int, name: str) -> None:
        """Rename a class, after asking if saved files are touched."""
        classes = self._work.classes
        if classes is None:
            return
        try:
            edit = rename(classes, label_id, name)
        except UserError as error:
            self._annotator.failed.emit(str(error))
            return
        touched, uncounted, note = self._work.count(edit), self._work.uncounted, self._note(edit)
        is_safe = not (touched.masks or touched.sidecars or uncounted or note)
        if is_safe or RenameDialog(self, edit, self._work.count, uncounted, note).ask():
            self._work.edit(edit)

    def merge(self) -> None:
        """Ask which class the chosen one becomes part of, and do it."""
        classes, chosen = self._work.classes, self.chosen
        if classes is None or chosen is None or len(classes) < 2:
            self._annotator.failed.emit("Choose a class to merge, with another one to merge into.")
            return
        counted = (self._work.count, self._work.uncounted)
        edit = MergeDialog(self, classes, chosen, *counted).ask()
        if edit is not None:
            self._work.edit(edit)

    def delete(self) -> None:
        """Ask what the pixels of the chosen class become, and delete it."""
        classes, chosen = self._work.classes, self.chosen
        if classes is None or chosen is None:
            self._annotator.failed.emit("Choose the class to delete in the table.")
            return
        counted = (self._work.count, self._work.uncounted)
        edit = DeleteDialog(self, classes, chosen, *counted).ask()
        if edit is not None:
            self._work.edit(edit)

    def choose_color(self, label_class: LabelClass) -> None:
        """Ask for another colour of a class."""
        title = f"Colour of '{label_class.name}'"
        color = QColorDialog.getColor(QColor(*label_class.color), self, title)
        if color.isValid():
            rgb = (color.red(), color.green(), color.blue())
            self._replace(replace(label_class, color=rgb))

    def _style_table(self) -> None:
        style_table(self.table, "classes", _ROW_HEIGHT)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.table.setItemDelegateForColumn(KEY, KeyDelegate(self.table))
        self.table.setItemDelegateForColumn(THRESHOLD, ThresholdDelegate(self.table))
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(WORDS, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        self.table.setMinimumHeight(5 * _ROW_HEIGHT)

    def _lay_out(self) -> None:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(row_of(self.entry, self.add_button))
        layout.addWidget(self.table, 1)
        layout.addLayout(
            row_of(
                self.merge_button,
                self.delete_button,
                self.files.import_button,
                self.files.export_button,
            )
        )
        layout.addWidget(line)
        layout.addWidget(self.prompts)

    def _connect(self) -> None:
        annotator = self._annotator
        self.entry.returnPressed.connect(self.add)
        self.model.renamed.connect(self.rename)
        self.model.changed.connect(self._replace)
        self.table.clicked.connect(self._on_clicked)
        self.prompts.changed.connect(self._set_prompts)
        for signal in (annotator.folder_opened, annotator.classes_changed):
            signal.connect(self._show)
        annotator.jobs.busy_changed.connect(lambda _: self._show_prompts())
        self._work.painting_with.connect(self._select)
        self._work.editing_changed.connect(self._show_editing)

    def _show(self) -> None:
        """Show the classes as they are now."""
        classes = self._work.classes
        is_fixed = classes is None or self._annotator.is_read_only
        chosen = self.chosen
        self.model.is_read_only = is_fixed
        self.model.show_classes(classes or ())
        if chosen is not None:
            self._select(chosen.id)
        for widget in (self.entry, self.add_button, self.merge_button, self.delete_button):
            widget.setEnabled(not is_fixed)
        self.files.enable(is_open=classes is not None, is_fixed=is_fixed)
        self.prompts.setEnabled(not is_fixed)
        self._show_prompts()

    def _show_prompts(self) -> None:
        classes = self._work.classes
        if classes is not None:
            self.prompts.show_settings(classes.prompts, self._annotator.engine.info)

    def _select(self, label_id: int) -> None:
        row = self.model.row_of(label_id)
        if row is None:
            self.table.clearSelection()
            return
        self.table.selectRow(row)
        self.table.scrollTo(self.model.index(row, NAME))

    def _on_clicked(self, index: QModelIndex) -> None:
        label_class = self.model.at(index.row())
        if label_class is None:
            return
        self._work.paint_with(label_class.id)
        if self.model.is_read_only:
            return
        if index.column() == COLOR:
            self.choose_color(label_class)
        elif index.column() in (KEY, THRESHOLD):
            self.table.edit(index)

    def _note(self, edit: ClassEdit) -> str:
        """Say if the decoder knows the old name of a class but not the new one."""
        info = self._annotator.engine.info
        known = {name.casefold() for name in info.classes} if info else set()
        if edit.name.casefold() not in known or edit.into.casefold() in known:
            return ""
        return (
            f"The model's decoder knows '{edit.name}', but not '{edit.into}': its masks will come "
            "from the CAM."
        )

    def _replace(self, label_class: LabelClass) -> None:
        try:
            self._work.replace(label_class)
        except UserError as error:
            self._annotator.failed.emit(str(error))

    def _set_prompts(self, settings: PromptSettings) -> None:
        if self._work.classes is not None:
            self._work.classes.prompts = settings
            self._work.changed()

    def _show_editing(self, is_editing: bool) -> None:
        """Let the user wait while saved files are changed."""
        self.setEnabled(not is_editing)
        if is_editing:
            self._progress = EditProgress(self.window())
            self._work.progress.connect(self._progress.show_progress)
        elif self._progress is not None:
            self._work.progress.disconnect(self._progress.show_progress)
            self._progress.finish()
            self._progress = None
