"""Importing and exporting the class set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.errors import UserError
from weclip_napari.gui.buttons import button
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.class_import import (
    Template,
    import_classes,
    read_templates,
    write_class_list,
)
from weclip_napari.session.class_table import PromptSettings

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from weclip_napari.core.classes import ClassSet
    from weclip_napari.gui.annotator import Annotator

SETS = {"VOC": VOC_CLASSES, "COCO": COCO_CLASSES}
TEXT_FILES = "Text files (*.txt);;All files (*)"


class ClassFiles(QObject):
    """Two buttons: import classes from somewhere, export them as a text file."""

    def __init__(self, annotator: Annotator, panel: QWidget) -> None:
        super().__init__(panel)
        self._annotator, self._panel = annotator, panel
        self.import_button = QPushButton("Import")
        explain(self.import_button, "import_classes")
        menu = QMenu(self.import_button)
        menu.addAction("From another folder…", self.choose_folder)
        menu.addAction("From a text file…", self.choose_file)
        menu.addSeparator()
        for name, classes in SETS.items():
            text = f"The {len(classes)} classes of {name}"
            menu.addAction(text, lambda classes=classes: self.import_set(classes))
        self.import_button.setMenu(menu)
        self.export_button = button("Export…", "export_classes", self.export)

    def enable(self, *, is_open: bool, is_fixed: bool) -> None:
        """Let the buttons be used as far as it makes sense."""
        self.import_button.setEnabled(not is_fixed)
        self.export_button.setEnabled(is_open)

    def choose_folder(self) -> None:
        """Ask for another annotated folder and import its classes."""
        folder = QFileDialog.getExistingDirectory(self._panel, "Import the classes of a folder")
        if folder:
            self.import_from(folder)

    def choose_file(self) -> None:
        """Ask for a text file and import its classes."""
        title = "Import classes, one on each line"
        path, _ = QFileDialog.getOpenFileName(self._panel, title, "", TEXT_FILES)
        if path:
            self.import_from(path)

    def import_from(self, path: str | os.PathLike[str]) -> None:
        """Import the classes that are stored somewhere, with prompts of their own if any."""
        try:
            templates, prompts = read_templates(path)
        except UserError as error:
            self._annotator.failed.emit(str(error))
        else:
            self._import(templates, prompts)

    def import_set(self, classes: ClassSet) -> None:
        """Import a built-in set with its prompt words."""
        words = ((entry.name, entry.prompts[0]) for entry in classes)
        templates = [Template(name, "" if word == name else word) for name, word in words]
        self._import(templates, PromptSettings())

    def export(self) -> None:
        """Ask for a file and write the classes into it."""
        workspace = self._annotator.workspace
        if workspace is None:
            return
        title, start = "Export the classes", str(workspace.folder.parent / "classes.txt")
        path, _ = QFileDialog.getSaveFileName(self._panel, title, start, TEXT_FILES)
        if path:
            self.export_to(path)

    def export_to(self, path: str | os.PathLike[str]) -> None:
        """Write the classes with their prompt words into a text file."""
        classes = self._annotator.class_work.classes
        if classes is None:
            return
        try:
            write_class_list(path, classes)
        except UserError as error:
            self._annotator.failed.emit(str(error))
        else:
            self._annotator.noted.emit(f"{len(classes)} classes exported to {Path(path).name}.")

    def _import(self, templates: Sequence[Template], prompts: PromptSettings) -> None:
        classes = self._annotator.class_work.classes
        if classes is None:
            return
        try:
            imported = import_classes(classes, templates)
        except UserError as error:
            self._annotator.failed.emit(str(error))
            return
        has_prompts = prompts not in (PromptSettings(), classes.prompts)
        if has_prompts:
            classes.prompts = prompts
        self._annotator.class_work.changed()
        told = [f"New classes: {imported.added}."]
        if imported.changed:
            told.append(f"Classes with other prompt words now: {imported.changed}.")
        if has_prompts:
            told.append("Prompt and background words came along.")
        self._annotator.noted.emit(" ".join(told))
