"""Typing tags with real key events."""

import pytest
from qtpy.QtCore import Qt

from weclip_napari.gui.tag_entry import TagEntry


@pytest.fixture
def entry(qtbot):
    entry = TagEntry()
    entry.set_known(["dog", "dogfish", "traffic light"])
    qtbot.addWidget(entry)
    with qtbot.waitExposed(entry):
        entry.show()
    entry.activateWindow()
    entry.setFocus()
    return entry


def test_typed_tags_take_the_known_spelling(entry, qtbot):
    qtbot.keyClicks(entry, "DOG, Zebra")
    assert entry.tags == ("dog", "Zebra")


def test_enter_submits_though_completions_are_offered(entry, qtbot):
    qtbot.keyClicks(entry, "cat, do")
    popup = entry.completer().popup()
    assert popup.isVisible()
    with qtbot.waitSignal(entry.submitted, timeout=500):
        qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert entry.tags == ("cat", "do")


def test_enter_without_completions_submits_once(entry, qtbot):
    qtbot.keyClicks(entry, "zebra")
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


def test_only_the_users_own_changes_count_as_edited(entry, qtbot):
    seen = []
    entry.edited.connect(lambda: seen.append(entry.tags))
    entry.set_tags(["cat"])
    assert not seen
    qtbot.keyClicks(entry, "s")
    assert seen == [("cats",)]
