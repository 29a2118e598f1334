"""What the panel says about saving and about the model."""

import pytest
from qtpy.QtCore import Qt

from weclip_napari.gui.engine import ModelInfo
from weclip_napari.gui.status_panel import StatusPanel, classes_text, model_text

TIMEOUT = 20_000


@pytest.fixture
def panel(annotator, qtbot):
    panel = StatusPanel(annotator)
    panel.resize(350, 120)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def test_unsaved_work_is_told_and_saved_by_the_button(panel, propose, qtbot):
    assert panel.saved.text() == "○ Nothing to save yet"
    assert not panel.save_button.isEnabled()
    propose("apple")
    assert panel.saved.text() == "● Unsaved changes"
    assert not panel.again_button.isVisible()
    qtbot.mouseClick(panel.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.saved.text() == "● Saved", timeout=TIMEOUT)


def test_a_failed_save_keeps_its_reason_until_it_succeeds(panel, annotator, propose, folder, qtbot):
    (folder / "weclip_masks").rename(folder / "elsewhere")
    (folder / "weclip_masks").write_text("in the way")
    propose("apple")
    annotator.save()
    qtbot.waitUntil(lambda: panel.saved.text() == "● Not saved", timeout=TIMEOUT)
    assert "was not saved" in panel.reason.text()
    assert panel.reason.isVisible()
    assert not panel.message.isVisible()  # it would repeat the reason
    annotator.noted.emit("something else")
    assert panel.reason.isVisible()
    assert panel.message.text() == "something else"
    annotator.failed.emit(annotator.save_problem)
    (folder / "weclip_masks").unlink()
    (folder / "elsewhere").rename(folder / "weclip_masks")
    qtbot.mouseClick(panel.again_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.saved.text() == "● Saved", timeout=TIMEOUT)
    assert not panel.reason.isVisible()
    assert not panel.message.isVisible()
    assert not panel.again_button.isVisible()


def test_a_second_window_says_why_it_is_read_only_and_how_to_go_on(
    annotator, engine, folder, qtbot
):
    from napari.components import ViewerModel

    from weclip_napari.gui.annotator import Annotator

    second = Annotator(ViewerModel(), engine)
    panel = StatusPanel(second)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(second.image_opened, timeout=TIMEOUT):
        second.open_folder(folder)
    panel.show()
    assert panel.saved.text() == "● Read-only"
    assert panel.reason.text() == second.workspace.read_only != ""
    assert not panel.save_button.isEnabled()
    annotator.close()
    with qtbot.waitSignal(second.image_opened, timeout=TIMEOUT):
        qtbot.mouseClick(panel.again_button, Qt.MouseButton.LeftButton)
    assert panel.saved.text() == "○ Nothing to save yet"
    assert not panel.again_button.isVisible()
    second.close()


def test_a_message_is_shown_until_the_next_image(panel, annotator, qtbot):
    annotator.failed.emit("<b>Something</b> failed.")
    assert panel.message.isVisible()
    assert panel.message.text() == "<b>Something</b> failed."
    assert panel.message.textFormat() == Qt.TextFormat.PlainText
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_image(2)
    assert not panel.message.isVisible()


def test_the_embedded_model_says_that_it_knows_drawn_scenes_only():
    assert "only ever seen drawn scenes" in model_text("embedded", None)
    info = ModelInfo("embedded", ("apple", "star"))
    assert "only ever seen drawn scenes" in model_text("embedded", info)
    assert "apple, star" in classes_text(info)


def test_another_model_says_what_its_decoder_knows():
    text = model_text("a/folder", ModelInfo("mine", ("dog",)))
    assert "mine" in text
    assert "drawn" not in text
    assert "no decoder" in model_text("ViT-B-16/openai", ModelInfo("clip", ()))
    assert "ViT-B-16/openai" in model_text("ViT-B-16/openai", None)
