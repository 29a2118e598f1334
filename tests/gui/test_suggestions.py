"""The list of suggested tags by itself."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar

from weclip_napari.gui.suggestions import SHOWN, Suggestions

RANKING = [(f"class {number}", 0.3 - 0.01 * number) for number in range(6)]


@pytest.fixture
def suggestions(qtbot):
    suggestions = Suggestions()
    qtbot.addWidget(suggestions)
    return suggestions


def _offered(suggestions):
    return [line.tag for line in suggestions.lines]


def test_the_best_are_shown_and_the_next_moves_up(suggestions, qtbot):
    decided = []
    suggestions.rejected.connect(lambda tag: decided.append(tag) or suggestions.drop([tag]))
    suggestions.show_ranking(RANKING)
    assert suggestions.isVisible()
    assert _offered(suggestions) == [tag for tag, _ in RANKING[:SHOWN]]
    assert f"{len(RANKING) - SHOWN} more" in suggestions.note.text()
    qtbot.mouseClick(suggestions.lines[1].reject, Qt.MouseButton.LeftButton)
    assert decided == ["class 1"]
    assert _offered(suggestions) == ["class 0", "class 2", "class 3", "class 4"]


def test_the_bars_go_from_the_worst_to_the_best(suggestions):
    suggestions.show_ranking(RANKING[:SHOWN])
    shares = [line.findChild(QProgressBar).value() for line in suggestions.lines]
    assert shares[0] == 100
    assert shares[-1] == 0
    assert shares == sorted(shares, reverse=True)


def test_a_single_suggestion_is_the_best(suggestions):
    suggestions.show_ranking(RANKING[:1])
    assert suggestions.lines[0].findChild(QProgressBar).value() == 100


def test_a_note_says_when_nothing_is_left(suggestions):
    suggestions.show_ranking([])
    assert _offered(suggestions) == []
    assert "Nothing more to suggest" in suggestions.note.text()
    assert suggestions.isVisible()


def test_the_list_can_be_hidden(suggestions, qtbot):
    suggestions.show_ranking(RANKING)
    qtbot.mouseClick(suggestions.close_button, Qt.MouseButton.LeftButton)
    assert not suggestions.isVisible()
    assert _offered(suggestions) == []
