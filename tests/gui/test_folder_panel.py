"""The panel of the folder: progress, filters, buttons, jumping, dropping a folder."""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication

from tests.gui.folder_stub import FolderStub
from weclip_napari.gui import folder_panel as module
from weclip_napari.gui.folder_panel import NO_FOLDER, NO_MATCH, FolderPanel
from weclip_napari.gui.image_filter import Show, Sort, Wanted
from weclip_napari.session.states import State

COUNT = 8


@pytest.fixture
def panel(qtbot):
    made = FolderPanel(FolderStub())
    made.annotator = made._annotator
    made.resize(350, 300)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close_down()
    if made.annotator.workspace is not None:
        made.annotator.workspace.close()


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "my images"
    folder.mkdir()
    for number in range(COUNT):
        Image.new("RGB", (40, 30), "red").save(folder / f"image{number}.png")
    return folder


@pytest.fixture
def opened(panel, images):
    panel.annotator.open_folder(images)
    return panel


def click(qtbot, panel, name):
    qtbot.mouseClick(panel.findChild(object, name), Qt.MouseButton.LeftButton)


def click_line(qtbot, panel, line):
    place = panel.table.visualRect(panel.images.index(line, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def choose(choice, value):
    choice.setCurrentIndex(choice.findData(value))
    choice.activated.emit(choice.currentIndex())


def marked(panel):
    rows = panel.table.selectionModel().selectedRows()
    return [panel.images.order[index.row()] for index in rows]


def dropped(path):
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(path))])
    return content


def drop(panel, content):
    """Drag something onto the panel and let it fall; say whether the panel took it."""
    details = (Qt.DropAction.CopyAction, content, Qt.MouseButton.LeftButton)
    enter = QDragEnterEvent(QPoint(5, 5), *details, Qt.KeyboardModifier.NoModifier)
    enter.ignore()
    QApplication.sendEvent(panel, enter)
    if enter.isAccepted():
        event = QDropEvent(QPointF(5, 5), *details, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(panel, event)
    return enter.isAccepted()


def test_without_a_folder_it_says_what_to_do(panel):
    assert panel.table.hint == NO_FOLDER
    assert not panel.findChild(object, "next").isEnabled()
    assert panel.findChild(object, "open_folder").isEnabled()


def test_it_fits_beside_the_picture(opened):
    hint = opened.minimumSizeHint()
    assert hint.width() <= 350
    assert hint.height() <= 300


def test_a_folder_shows_its_images_and_its_progress(opened, qtbot):
    folder = opened.annotator.workspace.folder
    assert opened.title.text() == f"{folder.parent.name}/my images"
    assert opened.total.text() == f"/ {COUNT}"
    assert opened.position.text() == "1"
    assert marked(opened) == [0]
    for row, state in enumerate([State.ACCEPTED, State.SKIPPED, State.PROPOSED]):
        opened.annotator.know(row, state)
    qtbot.waitUntil(lambda: opened.progress.reviewed == 2)
    assert opened.progress.text() == "2 of 8 reviewed · 25%"
    assert opened.progress.counts[State.TODO] == 5


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("previous", ("step", -1)),
        ("next", ("step", 1)),
        ("next_unreviewed", ("next_unreviewed",)),
        ("accept_and_next", ("accept_and_next",)),
        ("skip", ("skip",)),
        ("propose_all", ("propose_all",)),
    ],
)
def test_the_buttons_lead_through_the_folder(opened, qtbot, name, call):
    click(qtbot, opened, name)
    assert opened.annotator.calls == [call]


@pytest.mark.parametrize(
    "name",
    "open_folder open_samples jump search show sort reverse images progress previous next "
    "next_unreviewed accept_and_next skip propose_all".split(),
)
def test_everything_says_what_it_does(panel, name):
    assert panel.findChild(object, name).toolTip()


def test_a_click_opens_an_image_and_a_second_one_does_not(opened, qtbot):
    click_line(qtbot, opened, 2)
    assert opened.annotator.index == 2
    assert opened.position.text() == "3"
    with qtbot.assertNotEmitted(opened.annotator.image_opened):
        click_line(qtbot, opened, 2)


def test_the_open_image_stays_marked_when_another_could_not_be_opened(opened, qtbot, monkeypatch):
    monkeypatch.setattr(opened.annotator, "open_image", lambda row: None)
    click_line(qtbot, opened, 2)
    opened.annotator.stayed.emit()
    assert marked(opened) == [0]


def test_an_image_out_of_sight_is_scrolled_to(opened):
    opened.annotator.open_image(COUNT - 1)
    index = opened.images.index(COUNT - 1, 0)
    assert opened.table.viewport().rect().contains(opened.table.visualRect(index).center())
    assert marked(opened) == [COUNT - 1]


def test_what_is_shown_is_also_the_way(opened, qtbot):
    opened.annotator.know(5, State.PROPOSED, ("dog",), uncertainty=0.1)
    opened.annotator.know(2, State.PROPOSED, ("dog",), uncertainty=0.7)
    choose(opened.filter.show_choice, Show.PROPOSED)
    assert opened.annotator.order == [2, 5]
    assert marked(opened) == []
    assert opened.title.text().startswith("2 shown of ")
    click(qtbot, opened, "reverse")
    assert opened.annotator.order == [5, 2]
    choose(opened.filter.sort_choice, Sort.UNCERTAINTY)
    assert not opened.table.isColumnHidden(2)
    assert opened.annotator.order == [5, 2]
    choose(opened.filter.show_choice, Show.ALL)
    assert opened.annotator.order[:2] == [5, 2]
    assert marked(opened) == [0]


def test_search_opens_the_first_image_found_and_gives_the_keys_back(opened, qtbot):
    opened.annotator.know(6, State.TODO, ("dog",))
    opened.actions()["search"]()
    qtbot.keyClicks(opened.filter.search, "tag:dog")
    assert opened.annotator.order == [6]
    assert opened.annotator.index == 0
    qtbot.keyClick(opened.filter.search, Qt.Key.Key_Return)
    assert opened.annotator.index == 6
    assert not opened.filter.search.hasFocus()


def test_where_nothing_is_found_it_says_so(opened, qtbot):
    opened.filter.search.setText("zebra")
    assert opened.annotator.order == []
    assert opened.table.hint == NO_MATCH
    opened.table.grab()
    qtbot.keyClick(opened.filter.search, Qt.Key.Key_Return)
    assert opened.annotator.index == 0


def test_one_jumps_by_number_or_name(opened, qtbot):
    opened.actions()["jump"]()
    assert opened.position.selectedText() == "1"
    qtbot.keyClicks(opened.position, "image7")
    qtbot.keyClick(opened.position, Qt.Key.Key_Return)
    assert opened.annotator.calls == [("jump_to", "image7")]
    assert opened.position.text() == "1"
    assert not opened.position.hasFocus()


def test_a_change_of_many_images_does_not_scroll(opened, qtbot):
    choose(opened.filter.sort_choice, Sort.UNCERTAINTY)
    opened.table.scrollToBottom()
    before = opened.table.verticalScrollBar().value()
    assert before > 0
    opened.annotator.know(3, State.PROPOSED, uncertainty=0.5)
    opened.annotator.rows_changed.emit()
    assert opened.annotator.order[0] == 3
    assert opened.table.verticalScrollBar().value() == before
    assert marked(opened) == [0]


def test_problems_are_counted(opened, qtbot):
    opened.annotator.workspace.index.set_problem(4, "It is broken; mend it.")
    opened.annotator.row_changed.emit(4)
    place = opened.filter.show_choice.findData(Show.PROBLEMS)
    qtbot.waitUntil(lambda: opened.filter.show_choice.itemText(place) == "problems · 1")
    choose(opened.filter.show_choice, Show.PROBLEMS)
    assert opened.annotator.order == [4]


def test_a_dropped_folder_is_opened(panel, images):
    assert drop(panel, dropped(images))
    assert panel.annotator.workspace.folder == images


def test_a_dropped_image_opens_its_folder(panel, images):
    assert drop(panel, dropped(images / "image3.png"))
    assert panel.annotator.workspace.folder == images


def test_nothing_else_can_be_dropped(panel):
    text, page = QMimeData(), QMimeData()
    text.setText("a folder")
    page.setUrls([QUrl("https://example.org/images")])
    assert not drop(panel, text)
    assert not drop(panel, page)


def test_another_folder_shows_all_its_images_and_their_own_pictures(
    opened, qtbot, tmp_path, monkeypatch
):
    qtbot.waitUntil(lambda: opened.images.thumbnails.get(0) is not None)
    opened.filter.search.setText("image3")
    choose(opened.filter.show_choice, Show.TODO)
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.full((30, 40, 3), 255, np.uint8)).save(other / "white.png")
    opened.annotator.open_folder(other)
    assert opened.images.wanted == Wanted()
    assert opened.annotator.order == [0]
    qtbot.waitUntil(lambda: opened.images.thumbnails.get(0) is not None)
    assert opened.images.thumbnails.get(0).toImage().pixelColor(9, 9).blue() == 255


def test_only_visible_rows_have_their_pictures_read(panel, qtbot, tmp_path):
    for number in range(200):
        Image.new("RGB", (8, 6)).save(tmp_path / f"{number}.png")
    read = []
    panel.images.thumbnails.loaded.connect(read.append)
    panel.annotator.open_folder(tmp_path)
    qtbot.waitUntil(lambda: len(read) > 2)
    qtbot.wait(200)
    assert max(read) < 10
    panel.table.scrollToBottom()
    qtbot.waitUntil(lambda: 199 in read)
    qtbot.wait(200)
    assert len(read) < 20


def test_proposals_in_the_background_can_be_stopped(opened, qtbot):
    batch, button = opened.annotator.batch, opened.findChild(object, "propose_all")
    batch.start(lambda report: qtbot.wait(1), lambda _: None)
    assert button.text() == "Stop"
    batch.progress.emit(3, 40)
    assert button.text() == "Stop 3/40"
    click(qtbot, opened, "propose_all")
    assert not batch.is_busy
    assert button.text() == "Propose all"
    assert opened.annotator.calls == []


def test_a_chosen_folder_is_opened_and_the_samples_are(panel, qtbot, images, monkeypatch):
    dialog = module.QFileDialog
    monkeypatch.setattr(dialog, "getExistingDirectory", lambda *args: str(images))
    click(qtbot, panel, "open_folder")
    assert panel.annotator.workspace.folder == images
    monkeypatch.setattr(dialog, "getExistingDirectory", lambda *args: "")
    with qtbot.assertNotEmitted(panel.annotator.folder_opened):
        click(qtbot, panel, "open_folder")
    with qtbot.waitSignal(panel.annotator.folder_opened):
        click(qtbot, panel, "open_samples")
