"""The table of tags with its thresholds, and the choice of views."""

import pytest
from qtpy.QtCore import Qt

from weclip_napari.gui.numbers import percent
from weclip_napari.gui.result_panel import VIEWS, ResultPanel

TIMEOUT = 20_000


@pytest.fixture
def panel(annotator, qtbot):
    panel = ResultPanel(annotator)
    panel.resize(350, 260)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def _column(panel, column):
    table = panel.table
    return [table.item(row, column).text() for row in range(table.rowCount())]


def test_each_tag_shows_class_score_area_and_branch(panel, annotator, propose):
    propose("Apple", "zebra")
    assert _column(panel, 0) == ["Apple", "zebra"]
    assert _column(panel, 1) == [percent(result.score) for result in annotator.results]
    assert _column(panel, 2) == [percent(result.share) for result in annotator.results]
    assert _column(panel, 3) == ["decoder", "CAM"]
    assert "does not know 'zebra'" in panel.table.item(1, 3).toolTip()
    assert "the decoder" in panel.table.item(0, 3).toolTip()


def test_a_mask_of_both_branches_says_so(panel, annotator, propose, qtbot):
    propose("apple", "zebra")
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
        annotator.tune(branch="both")
    assert _column(panel, 3) == ["both", "CAM"]


def test_a_threshold_belongs_to_the_class_and_proposes_again(panel, annotator, propose, qtbot):
    propose("apple", "star")
    before = annotator.results[0].share
    slider = panel.threshold("apple")
    assert before > 0
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
        slider.setValue(99)
    assert annotator.workspace.store.classes.find("apple").threshold == 0.99
    assert annotator.results[0].share < before
    assert panel.threshold("apple") is slider  # it may be held by the mouse
    assert panel.threshold("star").number == 0
    assert panel.table.cellWidget(0, 4).number.text() == "0.99"


def test_thresholds_are_there_again_with_their_class(panel, annotator, propose, qtbot):
    propose("apple")
    panel.threshold("apple").setValue(40)
    qtbot.waitUntil(lambda: not annotator.jobs.is_busy, timeout=TIMEOUT)
    propose("star")
    assert panel.threshold("star").number == 0
    propose("star", "apple")
    assert panel.threshold("apple").number == 0.4


def test_a_chosen_row_is_looked_at_and_painted_with(panel, annotator, propose, qtbot):
    propose("apple", "star")
    chosen = []
    panel.tag_chosen.connect(chosen.append)
    panel.choose("star")
    assert chosen == ["star"]
    assert annotator.layers.tag == "star"
    wanted = annotator.workspace.store.classes.find("star").id
    assert annotator.layers.mask.layer.selected_label == wanted
    place = panel.table.visualRect(panel.table.model().index(0, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert annotator.layers.tag == "apple"
    panel.choose("unicorn")
    assert annotator.layers.tag == "apple"


def test_the_views_go_round_and_the_kind_of_affinity_shows_with_it(panel, propose):
    propose("apple")
    seen = []
    for _ in VIEWS:
        seen.append(panel.view)
        assert panel.affinity.isVisible() == (panel.view == "affinity")
        panel.next_view()
    assert seen == ["mask", "cam", "refined", "affinity", "uncertainty", "all"]
    assert panel.view == "mask"


def test_the_uncertainty_can_be_looked_at(panel, annotator, propose, qtbot):
    propose("apple")
    qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)
    panel.show_view("uncertainty")
    viewer = annotator.viewport._viewer
    assert viewer.layers["uncertainty"].visible
    panel.show_view("mask")
    assert not viewer.layers["uncertainty"].visible


def test_the_kind_of_affinity_is_passed_on(panel, annotator, propose):
    propose("apple")
    panel.show_view("affinity")
    panel.affinity.setCurrentIndex(1)
    assert annotator.affinity_kind == "learned"


def test_another_image_has_no_results_yet(panel, annotator, propose, qtbot):
    propose("apple")
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_image(2)
    assert panel.table.rowCount() == 0


def test_everything_fits_into_a_narrow_panel(panel, propose):
    propose("apple", "a rather long name of a class")
    assert panel.minimumSizeHint().width() <= 330
    table = panel.table
    assert not table.horizontalScrollBar().isVisible()
    assert panel.views.buttons()[-1].geometry().right() < 350
