"""A slider dragged by real mouse and key events."""

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from weclip_napari.gui.live_slider import PERIOD_MS, LiveSlider


@pytest.fixture
def slider(qtbot):
    slider = LiveSlider(0, 1, 0)
    slider.resize(220, 24)
    qtbot.addWidget(slider)
    with qtbot.waitExposed(slider):
        slider.show()
    return slider


@pytest.fixture
def told(slider):
    told = []
    slider.changed.connect(told.append)
    return told


def test_a_drag_tells_the_first_and_the_last_number_and_few_between(slider, told, qtbot):
    for value in range(1, 81):
        slider.setValue(value)
    assert told == [0.01]
    qtbot.waitUntil(lambda: len(told) == 2, timeout=1000)
    assert told[-1] == 0.8
    qtbot.wait(3 * PERIOD_MS)
    assert len(told) == 2


def test_letting_go_tells_at_once(slider, told, qtbot):
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(slider, left, pos=QPoint(8, 12))
    for x in (60, 110, 160):
        qtbot.mouseMove(slider, QPoint(x, 12))
        slider.setSliderPosition(round(100 * x / 220))
    qtbot.mouseRelease(slider, left, pos=QPoint(160, 12))
    assert told[-1] == slider.number > 0.5


def test_keys_go_in_steps(slider, told, qtbot):
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: told[-1:] == [0.11], timeout=1000)
    qtbot.keyClick(slider, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: told[-1:] == [0.1], timeout=1000)


def test_what_is_shown_is_not_told_and_does_not_fight_the_user(slider, told, qtbot):
    slider.show_number(0.5)
    assert slider.number == 0.5
    slider.setValue(70)
    slider.setValue(75)  # not told yet
    slider.show_number(0.7)
    assert slider.number == 0.75
    qtbot.waitUntil(lambda: told == [0.7, 0.75], timeout=1000)


def test_a_double_click_goes_back(slider, told, qtbot):
    slider.show_number(0.5)
    qtbot.mouseDClick(slider, Qt.MouseButton.LeftButton)
    assert slider.number == 0
    assert told == [0]


def test_equal_ways_can_be_equal_factors(qtbot):
    slider = LiveSlider(0.25, 4, 1, is_logarithmic=True)
    qtbot.addWidget(slider)
    assert slider.value() == 50
    assert slider.number == 1
    slider.show_number(2)
    assert slider.value() == 75
    slider.show_number(100)
    assert slider.number == 4


def test_the_wheel_moves_it_only_after_a_click(slider, told, qtbot):
    def turn():
        delta, none = QPoint(0, 120), Qt.MouseButton.NoButton
        args = (QPointF(9, 9), QPointF(9, 9), delta, delta, none, Qt.KeyboardModifier.NoModifier)
        event = QWheelEvent(*args, Qt.ScrollPhase.NoScrollPhase, False)
        QApplication.sendEvent(slider, event)

    slider.clearFocus()
    turn()
    assert not told
    slider.activateWindow()
    slider.setFocus()
    qtbot.waitUntil(slider.hasFocus, timeout=1000)
    turn()
    assert told
