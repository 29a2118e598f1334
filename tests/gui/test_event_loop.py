"""The watch of the event loop notices what blocks it, and nothing else."""

import threading
import time

from qtpy.QtCore import QTimer

from weclip_napari.gui.event_loop import EventLoopWatch


def block():
    time.sleep(0.3)


def test_a_blocked_event_loop_is_noticed_with_the_code_that_blocks(qtbot):
    QTimer.singleShot(20, block)
    with EventLoopWatch() as watch:
        qtbot.wait(400)
    assert 300 <= watch.longest_ms < 2000
    assert "time.sleep(0.3)" in watch.where


def test_work_in_other_threads_does_not_count(qtbot):
    longest = []
    for _ in range(3):  # a busy machine may hold up any of them
        thread = threading.Thread(target=block)
        with EventLoopWatch() as watch:
            thread.start()
            qtbot.wait(350)
        thread.join()
        longest.append(watch.longest_ms)
    assert min(longest) < 100


def test_a_gap_that_lasts_to_the_end_counts(qtbot):
    with EventLoopWatch() as watch:
        block()
    assert watch.longest_ms >= 300
    assert "block" in watch.where
    waited = watch.longest_ms
    qtbot.wait(20)
    assert watch.longest_ms == waited
