"""Typing tags with real key events."""

import pytest
from qtpy.QtCore import Qt

from weclip_napari.gui.tag_entry import TagEntry


@pytest.fixture
def entry(qtbot):
    entry = TagEntry()
    entry.set_known(["dog", "dogfish", "hot dog", "traffic light", "zebra"])
    qtbot.addWidget(entry)
    with qtbot.waitExposed(entry):
        entry.show()
    entry.activateWindow()
    entry.setFocus()
    return entry


def _offered(entry):
    popup = entry.completer().popup()
    model = popup.model()
    rows = range(model.rowCount()) if popup.isVisible() else ()
    return [model.index(row, 0).data() for row in rows]


def test_typed_tags_take_the_known_spelling(entry, qtbot):
    qtbot.keyClicks(entry, "DOG, Unicorn")
    assert entry.tags == ("dog", "Unicorn")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dog", ["dog", "dogfish", "hot dog"]),
        ("dog, zerb", ["zebra"]),
        ("dog; TFL", ["traffic light"]),
        ("dog,", []),
        ("unicorn", []),
    ],
)
def test_completions_of_the_last_tag_are_offered_in_order(entry, qtbot, typed, offered):
    qtbot.keyClicks(entry, typed)
    assert _offered(entry) == offered


def test_enter_submits_though_completions_are_offered(entry, qtbot):
    qtbot.keyClicks(entry, "cat, do")
    popup = entry.completer().popup()
    assert popup.isVisible()
    with qtbot.waitSignal(entry.submitted, timeout=500):
        qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert entry.tags == ("cat", "do")


def test_enter_without_completions_submits_once(entry, qtbot):
    qtbot.keyClicks(entry, "unicorn")
    seen = []
    entry.submitted.connect(lambda: seen.append(1))
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert seen == [1]


def test_a_picked_completion_replaces_the_last_tag_only(entry, qtbot):
    qtbot.keyClicks(entry, "cat, li")
    popup = entry.completer().popup()
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    with qtbot.assertNotEmitted(entry.submitted):
        qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert entry.text() == "cat, traffic light"


def test_tab_takes_the_first_completion_or_the_picked_one(entry, qtbot):
    popup = entry.completer().popup()
    qtbot.keyClicks(entry, "do")
    qtbot.keyClick(popup, Qt.Key.Key_Tab)
    assert entry.text() == "dog"
    assert not popup.isVisible()
    qtbot.keyClicks(entry, ", dog")
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Tab)
    assert entry.text() == "dog, dogfish"


def test_a_clicked_completion_is_taken(entry, qtbot):
    qtbot.keyClicks(entry, "cat, zerba")
    popup = entry.completer().popup()
    place = popup.visualRect(popup.model().index(0, 0)).center()
    qtbot.mouseClick(popup.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert entry.text() == "cat, zebra"


def test_only_the_users_own_changes_count_as_edited(entry, qtbot):
    seen = []
    entry.edited.connect(lambda: seen.append(entry.tags))
    entry.set_tags(["cat"])
    assert not seen
    qtbot.keyClicks(entry, "s")
    assert seen == [("cats",)]


def test_backspace_in_the_empty_line_is_told(entry, qtbot):
    seen = []
    entry.erased.connect(lambda: seen.append(1))
    qtbot.keyClicks(entry, "a")
    qtbot.keyClick(entry, Qt.Key.Key_Backspace)
    assert not seen
    qtbot.keyClick(entry, Qt.Key.Key_Backspace)
    assert seen == [1]


def test_escape_leaves_the_line_and_drops_what_is_half_typed(qtbot, entry):
    qtbot.keyClicks(entry, "uni")
    assert entry.window().focusWidget() is entry
    qtbot.keyClick(entry, Qt.Key.Key_Escape)
    assert entry.tags == ()
    assert entry.window().focusWidget() is not entry
