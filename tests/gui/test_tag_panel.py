"""Tags as chips: typed, scored, taken away, suggested, rejected."""

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from weclip_napari.gui.annotator import Annotator
from weclip_napari.gui.numbers import percent
from weclip_napari.gui.tag_panel import TagPanel

TIMEOUT = 20_000


@pytest.fixture
def panel(annotator, qtbot):
    panel = TagPanel(annotator)
    panel.resize(350, 300)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    panel.activateWindow()
    panel.entry.setFocus()
    qtbot.waitUntil(panel.entry.hasFocus, timeout=1000)
    panel.update_known()
    return panel


def _shown(panel):
    return [("-" if chip.is_rejected else "") + chip.tag for chip in panel.chips.chips]


def _click_cross(panel, qtbot, number):
    qtbot.mouseClick(panel.chips.chips[number].cross, Qt.MouseButton.LeftButton)


def _propose(panel, qtbot, text):
    with qtbot.waitSignal(panel._annotator.proposal_shown, timeout=TIMEOUT):
        qtbot.keyClicks(panel.entry, text)
        popup = panel.entry.completer().popup()
        qtbot.keyClick(popup if popup.isVisible() else panel.entry, Qt.Key.Key_Return)


def test_a_comma_makes_a_chip_and_the_rest_counts_as_typed(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "APPLE, red unicorn, do")
    assert _shown(panel) == ["apple", "red unicorn"]
    assert panel.entry.tags == ("do",)
    assert panel.tags == annotator.tags == ("apple", "red unicorn", "do")
    qtbot.keyClicks(panel.entry, "g")
    assert annotator.tags == ("apple", "red unicorn", "dog")


def test_enter_proposes_and_shows_scores_and_colours_of_new_classes(panel, annotator, qtbot):
    _propose(panel, qtbot, "apple, unicorn")
    assert _shown(panel) == ["apple", "unicorn"]
    assert panel.entry.text() == ""
    assert annotator.workspace.store.classes.find("unicorn") is not None
    scores = {result.tag: percent(result.score) for result in annotator.results}
    for chip in panel.chips.chips:
        assert chip.score.text() == scores[chip.tag]
        assert chip.score.isVisible()


def test_leaving_the_line_finishes_the_tag(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "unicorn")
    panel.suggest_button.setFocus()
    qtbot.waitUntil(lambda: _shown(panel) == ["unicorn"], timeout=1000)
    assert panel.entry.text() == ""
    assert annotator.tags == ("unicorn",)


def test_the_same_tag_is_there_once(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "apple,Apple,apple,")
    assert _shown(panel) == ["apple"]
    qtbot.keyClicks(panel.entry, "APPLE")
    assert annotator.tags == ("apple",)


def test_backspace_brings_the_last_tag_back_into_the_line(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "apple,star,")
    qtbot.keyClick(panel.entry, Qt.Key.Key_Backspace)
    assert _shown(panel) == ["apple"]
    assert panel.entry.text() == "star"
    qtbot.keyClicks(panel.entry, "s")
    assert annotator.tags == ("apple", "stars")


def test_a_cross_takes_the_tag_away_and_proposes_again(panel, annotator, qtbot):
    _propose(panel, qtbot, "star, apple")
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
        _click_cross(panel, qtbot, 0)
    assert _shown(panel) == ["apple"]
    assert [result.tag for result in annotator.results] == ["apple"]
    assert annotator.layers.mask.mask.any()
    _click_cross(panel, qtbot, 0)
    assert _shown(panel) == annotator.results == []
    assert not annotator.layers.mask.mask.any()


def test_another_image_shows_its_own_tags(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "apple, st")
    for row, tags in ((2, []), (0, ["apple", "st"])):
        with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
            annotator.open_image(row)
        assert _shown(panel) == tags
        assert panel.entry.text() == ""


def test_tags_changed_elsewhere_are_shown_beside_what_is_typed(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "st")
    annotator.type_tags(("apple", "st"))
    assert _shown(panel) == ["apple"]
    assert panel.entry.text() == "st"


def test_a_rejected_tag_is_struck_through_and_can_be_forgotten(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "apple,")
    annotator.reject_tag("star")
    assert _shown(panel) == ["apple", "-star"]
    apple, star = panel.chips.chips
    assert star.name.font().strikeOut()
    assert not apple.name.font().strikeOut()
    _click_cross(panel, qtbot, 1)
    assert _shown(panel) == ["apple"]
    assert annotator.negative_tags == ()


def test_a_clicked_chip_tells_its_tag_and_a_rejected_one_does_not(panel, annotator, qtbot):
    qtbot.keyClicks(panel.entry, "apple,")
    annotator.reject_tag("star")
    told = []
    panel.tag_clicked.connect(told.append)
    for chip in panel.chips.chips:
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton, pos=chip.name.geometry().center())
    assert told == ["apple"]


def test_suggestions_are_ranked_and_accepted_or_rejected(panel, annotator, qtbot):
    annotator.workspace.store.ensure_class("zebra")
    qtbot.keyClicks(panel.entry, "apple")
    with qtbot.waitSignal(annotator.suggestions_shown, timeout=TIMEOUT):
        qtbot.mouseClick(panel.suggest_button, Qt.MouseButton.LeftButton)
    offered = [line.tag for line in panel.suggestions.lines]
    assert set(offered) == {"star", "fish", "zebra"}  # of the model and the folder, not typed yet
    scores = [float(line.score.text()) for line in panel.suggestions.lines]
    assert scores == sorted(scores, reverse=True)
    qtbot.mouseClick(panel.suggestions.lines[1].reject, Qt.MouseButton.LeftButton)
    assert annotator.negative_tags == (offered[1],)
    assert [line.tag for line in panel.suggestions.lines] == [offered[0], offered[2]]
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
        qtbot.mouseClick(panel.suggestions.lines[0].accept, Qt.MouseButton.LeftButton)
    assert annotator.tags == ("apple", offered[0])
    assert _shown(panel) == ["apple", offered[0], f"-{offered[1]}"]
    assert [line.tag for line in panel.suggestions.lines] == [offered[2]]


def test_suggestions_go_with_their_image(panel, annotator, qtbot):
    annotator.suggestions_shown.emit([("fish", 0.3)])
    assert panel.suggestions.isVisible()
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_image(2)
    assert not panel.suggestions.isVisible()


def test_fuzzy_completion_offers_classes_of_folder_and_model(panel, annotator, qtbot):
    annotator.workspace.store.classes.ensure("traffic light")
    annotator.refresh_classes()
    for typed, offered in (("trafic", "traffic light"), ("appel", "apple")):
        panel.entry.clear()
        qtbot.keyClicks(panel.entry, typed)
        popup = panel.entry.completer().popup()
        assert popup.isVisible()
        assert popup.model().index(0, 0).data() == offered
        popup.hide()


def test_a_narrow_panel_wraps_its_chips_and_elides_long_names(panel, annotator, qtbot):
    annotator.type_tags((*(f"number {i}" for i in range(9)), "x" * 100))
    panel.resize(350, panel.sizeHint().height())
    qtbot.wait(50)
    assert panel.width() == 350
    rows = {chip.y() for chip in panel.chips.chips}
    assert len(rows) > 2
    assert all(chip.geometry().right() < 350 for chip in panel.chips.chips)
    long = panel.chips.chips[-1].findChildren(QLabel)
    assert any(label.text().endswith("…") and label.toolTip() == "x" * 100 for label in long)


def test_nothing_can_be_changed_in_a_folder_that_is_open_elsewhere(annotator, engine, qtbot):
    annotator.type_tags(("apple",))
    annotator.reject_tag("fish")
    assert annotator.save_now()
    second = Annotator(ViewerModel(), engine)
    panel = TagPanel(second)
    qtbot.addWidget(panel)
    panel.show()
    with qtbot.waitSignal(second.image_opened, timeout=TIMEOUT):
        second.open_folder(annotator.workspace.folder)
    assert _shown(panel) == ["apple", "-fish"]
    assert not any(chip.cross.isVisible() for chip in panel.chips.chips)
    assert not panel.entry.isEnabled()
    assert not panel.suggest_button.isEnabled()
    second.jobs.cancel()
    second.close()
