"""The panel of classes on an annotator without a window."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit

from weclip_napari.core.classes import PUBLISHED_TEMPLATE, VOC_BACKGROUND, VOC_CLASSES
from weclip_napari.gui import class_panel
from weclip_napari.gui.class_dialogs import (
    DeleteDialog,
    EditDialog,
    MergeDialog,
    RenameDialog,
    touched_text,
)
from weclip_napari.gui.class_model import COLOR, KEY, NAME, THRESHOLD, WORDS
from weclip_napari.gui.class_panel import ClassPanel
from weclip_napari.session.class_edits import Touched, delete, merge, rename
from weclip_napari.session.class_table import PromptSettings

TIMEOUT = 60_000


@pytest.fixture(autouse=True)
def no_questions(monkeypatch):
    """A dialog that nobody answers would wait for ever."""

    def fail(dialog):
        raise AssertionError(f"nobody answers: {dialog.windowTitle()}")

    monkeypatch.setattr(EditDialog, "exec", fail)


@pytest.fixture
def panel(annotator, qtbot):
    """The panel of a folder with an apple, a star and a fish; the apple is in a saved mask."""
    panel = ClassPanel(annotator)
    qtbot.addWidget(panel)
    panel.resize(350, 560)
    panel.show()
    panel.entry.setText("apple, star, fish")
    panel.add()
    mask = annotator.layers.mask
    mask.layer.data_setitem((np.arange(9), np.arange(9)), 1)
    annotator.type_tags(("apple",))
    assert annotator.save_now()
    return panel


@pytest.fixture
def annotate(annotator, qtbot):
    """Do something that changes saved files, and wait until the image is open again."""

    def annotate(action):
        with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
            action()
        qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)

    return annotate


def shown(panel):
    rows, columns = panel.model.rowCount(), panel.model.columnCount()
    return [[panel.model.index(r, c).data() for c in range(1, columns)] for r in range(rows)]


def cell(panel, row, column):
    return panel.table.visualRect(panel.model.index(row, column)).center()


def click(panel, qtbot, row, column):
    qtbot.mouseClick(
        panel.table.viewport(), Qt.MouseButton.LeftButton, pos=cell(panel, row, column)
    )


def type_into(panel, qtbot, row, column, text):
    """Double-click a cell and type, as a person does."""
    view, place = panel.table.viewport(), cell(panel, row, column)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=place)
    editor = panel.table.findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.wait(1)  # Qt takes the text over when the key has been dealt with


def test_classes_are_listed_with_keys_and_the_typed_ones_are_added(panel, annotator):
    assert shown(panel) == [
        ["apple", "as named", "1", "–"],
        ["star", "as named", "2", "–"],
        ["fish", "as named", "3", "–"],
    ]
    assert panel.entry.text() == ""
    annotator.workspace.store.classes.ensure("bird")  # such as by typing a tag
    annotator.refresh_classes()
    assert shown(panel)[3][0] == "bird"


def test_a_clicked_row_is_painted_with_and_a_key_selects_its_row(panel, annotator, qtbot):
    click(panel, qtbot, 1, NAME)
    assert annotator.layers.mask.layer.selected_label == 2
    annotator.class_work.paint_with_key("3")
    assert panel.chosen.name == "fish"


def test_prompt_words_are_typed_into_their_cell(panel, annotator, qtbot):
    type_into(panel, qtbot, 1, WORDS, "sun,  twinkling star")
    assert annotator.workspace.store.classes.synonyms() == {"star": "sun, twinkling star"}
    assert shown(panel)[1][1] == "sun, twinkling star"


def test_a_threshold_takes_effect_while_its_editor_is_open(panel, annotator, qtbot):
    click(panel, qtbot, 2, THRESHOLD)
    box = panel.table.findChild(QDoubleSpinBox)
    box.stepUp()
    assert annotator.workspace.store.classes.thresholds() == {"fish": 0.05}
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert annotator.workspace.store.classes.thresholds() == {"fish": 0.1}


def test_a_key_is_chosen_from_a_list_and_taken_from_the_other_class(panel, annotator, qtbot):
    click(panel, qtbot, 2, KEY)
    box = panel.table.findChild(QComboBox)
    box.setCurrentText("1")
    box.activated.emit(box.currentIndex())
    assert [row[2] for row in shown(panel)] == ["–", "2", "1"]


def test_a_clicked_colour_can_be_changed(panel, annotator, qtbot, monkeypatch):
    answers = [QColor(), QColor(10, 20, 30)]
    monkeypatch.setattr(class_panel.QColorDialog, "getColor", lambda *arguments: answers.pop(0))
    before = annotator.workspace.store.classes.by_id(1).color
    click(panel, qtbot, 0, COLOR)  # and cancel
    assert annotator.workspace.store.classes.by_id(1).color == before
    click(panel, qtbot, 0, COLOR)
    assert annotator.workspace.store.classes.by_id(1).color == (10, 20, 30)


def test_renaming_in_place_asks_with_the_number_of_files(panel, annotator, annotate, monkeypatch):
    asked = []

    def ask(dialog):
        dialog.show_touched()
        asked.append(dialog.text.text())
        return dialog.wanted()

    monkeypatch.setattr(RenameDialog, "ask", ask)
    annotate(lambda: panel.model.setData(panel.model.index(0, NAME), "pear"))
    assert "1 saved mask holds 'apple'" in asked[0]
    assert "1 sidecar will be rewritten" in asked[0]
    assert annotator.tags == ("pear",)
    assert annotator.workspace.store.load(annotator.current.path).tags == ("pear",)
    assert shown(panel)[0][0] == "pear"


def test_a_rename_that_is_not_agreed_to_changes_nothing(panel, annotator, monkeypatch):
    monkeypatch.setattr(RenameDialog, "ask", lambda dialog: None)
    panel.model.setData(panel.model.index(0, NAME), "pear")
    assert shown(panel)[0][0] == "apple"
    assert annotator.tags == ("apple",)


def test_a_rename_to_another_class_is_refused_with_a_remedy(panel, annotator, qtbot):
    with qtbot.waitSignal(annotator.failed) as told:
        panel.model.setData(panel.model.index(0, NAME), "Star")
    assert "Merge the two" in told.args[0]
    assert shown(panel)[0][0] == "apple"


def test_merging_the_chosen_class_empties_its_row(panel, annotator, annotate, monkeypatch):
    panel.table.selectRow(0)
    monkeypatch.setattr(MergeDialog, "ask", lambda dialog: dialog.wanted())
    annotate(panel.merge)
    assert [row[0] for row in shown(panel)] == ["star", "fish"]
    assert annotator.layers.mask.mask[0, 0] == 2


def test_deleting_asks_what_the_pixels_become(panel, annotator, annotate, monkeypatch):
    def ask(dialog):
        dialog.ignore.setChecked(True)
        return dialog.wanted()

    panel.table.selectRow(0)
    monkeypatch.setattr(DeleteDialog, "ask", ask)
    annotate(panel.delete)
    assert annotator.layers.mask.mask[0, 0] == 255
    assert annotator.tags == ()


def test_nothing_chosen_is_told(panel, annotator, qtbot):
    panel.table.clearSelection()
    for action in (panel.merge, panel.delete):
        with qtbot.waitSignal(annotator.failed):
            action()


def test_a_built_in_set_comes_with_its_prompt_words(panel, annotator):
    panel.files.import_set(VOC_CLASSES)
    classes = annotator.workspace.store.classes
    assert len(classes) == 23
    assert classes.find("person").synonyms == "person with clothes,people,human"
    assert classes.find("dog").synonyms == ""
    assert panel.model.rowCount() == 23


def test_a_text_file_is_imported_and_exported(panel, annotator, qtbot, tmp_path):
    path = tmp_path / "my classes.txt"
    path.write_text("star: sun\nmoon\n")
    with qtbot.waitSignal(annotator.noted) as told:
        panel.files.import_from(path)
    assert told.args == ["New classes: 1. Classes with other prompt words now: 1."]
    panel.files.export_to(tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == "apple\nstar: sun\nfish\nmoon\n"
    with qtbot.waitSignal(annotator.failed) as told:
        panel.files.import_from(tmp_path / "missing.txt")
    assert "holds no classes" in told.args[0]


def test_prompts_show_the_model_s_own_and_presets_take_effect(panel, annotator, qtbot):
    config = annotator.engine._load("embedded").model.config
    editor = panel.prompts
    qtbot.waitUntil(lambda: editor.template.text() == config.template, timeout=TIMEOUT)
    assert editor.words.toPlainText() == ", ".join(config.background_words)
    choose(editor.templates, PUBLISHED_TEMPLATE)
    choose(editor.backgrounds, f"VOC ({len(VOC_BACKGROUND)} words)")
    wanted = PromptSettings(PUBLISHED_TEMPLATE, VOC_BACKGROUND)
    assert annotator.workspace.store.classes.prompts == wanted
    choose(editor.templates, "Model's own")
    choose(editor.backgrounds, "Model's own")
    assert annotator.workspace.store.classes.prompts == PromptSettings()
    assert editor.template.text() == config.template


def test_typed_prompts_count_after_a_pause_and_only_if_they_can_be_used(panel, annotator, qtbot):
    editor, classes = panel.prompts, annotator.workspace.store.classes
    editor.template.selectAll()
    qtbot.keyClicks(editor.template, "a photo")
    qtbot.waitUntil(lambda: "needs {}" in editor.note.text())
    assert classes.prompts.template is None
    qtbot.keyClicks(editor.template, " of {}.")
    qtbot.waitUntil(lambda: classes.prompts.template == "a photo of {}.")
    assert editor.note.text() == ""
    editor.words.setPlainText(" ")
    qtbot.waitUntil(lambda: "at least one thing" in editor.note.text())
    assert classes.prompts.background is None
    editor.words.setPlainText("sky, tall grass\nsea")
    qtbot.waitUntil(lambda: classes.prompts.background == ("sky", "tall grass", "sea"))
    assert editor.backgrounds.currentText() == "Your own"


def test_a_read_only_folder_shows_its_classes_and_changes_none(panel, annotator, qtbot):
    annotator.workspace.read_only = "Another window has the folder."
    annotator.folder_opened.emit()
    assert not panel.model.flags(panel.model.index(0, NAME)) & Qt.ItemFlag.ItemIsEditable
    assert not panel.add_button.isEnabled()
    assert not panel.prompts.isEnabled()
    assert panel.files.export_button.isEnabled()
    click(panel, qtbot, 0, THRESHOLD)
    assert panel.table.findChild(QDoubleSpinBox) is None


@pytest.mark.parametrize(
    ("kind", "touched", "unread", "text"),
    [
        ("rename", Touched(2, 3), 0, "2 saved masks hold 'apple'. Their pixels stay as they are; "
         "3 sidecars will be rewritten."),
        ("merge", Touched(1, 1), 2, "1 saved mask holds 'apple'. 1 saved mask and 1 sidecar will "
         "be rewritten. This cannot be undone. 2 images could not be counted yet."),
        ("delete", Touched(0, 0), 0, "No saved file holds 'apple'."),
    ],
)  # fmt: skip
def test_what_is_touched_is_said_in_sentences(panel, annotator, kind, touched, unread, text):
    classes = annotator.workspace.store.classes
    edits = {
        "rename": rename(classes, 1, "pear"),
        "merge": merge(classes, 1, 2),
        "delete": delete(classes, 1, 0),
    }
    assert touched_text(edits[kind], touched, unread) == text


def choose(box, text):
    """Choose an entry as a person does."""
    box.setCurrentText(text)
    assert box.currentText() == text
    box.activated.emit(box.currentIndex())
