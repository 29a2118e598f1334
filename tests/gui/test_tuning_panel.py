"""Branch and background, which propose again at once."""

import pytest
from qtpy.QtCore import Qt

from weclip_napari.gui.tuning import Tuning
from weclip_napari.gui.tuning_panel import TuningPanel

TIMEOUT = 20_000


@pytest.fixture
def panel(annotator, qtbot):
    panel = TuningPanel(annotator)
    panel.resize(350, 80)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def _choose(panel, qtbot, name):
    """Pick an entry of the list by keys, as a person without a mouse does."""
    steps = panel.branch.findData(name) - panel.branch.currentIndex()
    for _ in range(abs(steps)):
        qtbot.keyClick(panel.branch, Qt.Key.Key_Down if steps > 0 else Qt.Key.Key_Up)


def test_the_branch_is_chosen_and_proposes_again(panel, annotator, propose, qtbot):
    propose("apple")
    assert annotator.results[0].branch == "decoder"
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
        _choose(panel, qtbot, "cam")
    assert annotator.tuning.branch == "cam"
    assert annotator.results[0].branch == "cam"


def test_a_click_leaves_the_letters_to_the_picture(panel, qtbot):
    panel.activateWindow()
    panel.on_open.setFocus()
    qtbot.waitUntil(panel.on_open.hasFocus, timeout=1000)
    qtbot.mouseClick(panel.branch, Qt.MouseButton.LeftButton)
    panel.branch.hidePopup()
    assert not panel.branch.hasFocus()  # D is "next image", not "Decoder"


def test_a_stronger_background_takes_more_pixels(panel, annotator, propose, qtbot):
    annotator.tune(branch="cam")
    propose("apple")
    shares = {}
    for position in (0, 100):
        with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
            panel.power.setValue(position)
        shares[position] = annotator.results[0].share
    assert annotator.tuning.background_power == 4
    assert panel.power_text.text() == "4.00"
    assert shares[0] <= shares[100]


def test_reset_and_a_double_click_go_back_to_the_models_own(panel, annotator, qtbot):
    assert not panel.reset_button.isEnabled()
    annotator.tune(branch="cam", background_power=2.0)
    assert panel.power.number == 2
    assert panel.branch.currentData() == "cam"
    qtbot.mouseClick(panel.reset_button, Qt.MouseButton.LeftButton)
    assert annotator.tuning == Tuning()
    assert panel.power.number == 1
    panel.power.setValue(10)
    qtbot.mouseDClick(panel.power, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: annotator.tuning.background_power is None, timeout=1000)


def test_the_background_is_for_the_cam_only(panel, annotator, propose, qtbot):
    assert panel.power.isEnabled()
    propose("apple")
    assert not panel.power.isEnabled()  # the decoder drew it
    propose("apple", "zebra")
    assert panel.power.isEnabled()
    annotator.tune(branch="decoder")
    assert not panel.power.isEnabled()


def test_proposing_on_opening_is_switched(panel, annotator, qtbot):
    assert not panel.on_open.isChecked()
    panel.on_open.click()
    assert annotator.propose_on_open


def test_everything_fits_into_a_narrow_panel(panel):
    assert panel.minimumSizeHint().width() <= 330
