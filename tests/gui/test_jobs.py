"""Work off the GUI thread."""

import gc
import threading
import weakref

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.gui.jobs import JobRunner


@pytest.fixture
def runner(qtbot):
    runner = JobRunner()
    yield runner
    qtbot.waitUntil(lambda: not runner.is_busy)


def test_a_result_arrives_on_the_gui_thread(runner, qtbot):
    seen = []

    def work(report):
        report("working")
        return threading.current_thread()

    with qtbot.waitSignal(runner.stage) as stage:
        runner.start(work, lambda result: seen.append((result, threading.current_thread())))
    assert stage.args == ["working"]
    qtbot.waitUntil(lambda: bool(seen))
    (worker, receiver) = seen[0]
    assert worker is not threading.main_thread()
    assert receiver is threading.main_thread()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("'a.png' is too small."), "'a.png' is too small."),
        (ZeroDivisionError("by zero"), "Unexpected ZeroDivisionError: by zero"),
    ],
)
def test_an_error_becomes_a_message(runner, qtbot, error, message):
    def work(report):
        raise error

    with qtbot.waitSignal(runner.failed) as failed:
        runner.start(work, lambda result: pytest.fail("no result was expected"))
    assert failed.args == [message]
    assert not runner.is_busy


def test_a_cancelled_job_stops_at_its_next_stage_and_says_nothing(runner, qtbot):
    may_go_on, reached, passed = threading.Event(), threading.Event(), []

    def work(report):
        report("first")
        reached.set()
        may_go_on.wait(5)
        report("second")
        passed.append(1)

    with qtbot.assertNotEmitted(runner.failed, wait=100):
        runner.start(work, lambda result: pytest.fail("no result was expected"))
        assert reached.wait(5)
        runner.cancel()
        assert not runner.is_busy
        may_go_on.set()
    assert not passed


def test_a_newer_job_drops_the_result_of_the_older(runner, qtbot):
    may_go_on, results = threading.Event(), []

    def slow(report):
        may_go_on.wait(5)
        return "old"

    runner.start(slow, results.append)
    runner.start(lambda report: "new", results.append)
    qtbot.waitUntil(lambda: bool(results))
    may_go_on.set()
    qtbot.wait(100)
    assert results == ["new"]


def test_a_result_waits_as_long_as_it_has_to(qtbot):
    waiting, results = [True], []
    runner = JobRunner(lambda: bool(waiting))
    runner.start(lambda report: "masks", results.append)
    qtbot.wait(200)
    assert runner.is_busy
    assert not results
    waiting.clear()
    qtbot.waitUntil(lambda: results == ["masks"])
    assert not runner.is_busy


def test_a_waiting_result_can_still_be_cancelled(qtbot):
    waiting = [True]
    runner = JobRunner(lambda: bool(waiting))
    runner.start(lambda report: "masks", lambda result: pytest.fail("no result was expected"))
    qtbot.wait(100)
    runner.cancel()
    waiting.clear()
    qtbot.wait(100)


def test_a_job_tells_how_far_it_is(runner, qtbot):
    with qtbot.waitSignal(runner.progress) as progress:
        runner.start(lambda report: report.progress(2, 5), lambda result: None)
    assert progress.args == [2, 5]


def test_a_finished_job_keeps_nothing_of_its_work(make_napari_viewer, qtbot):
    make_napari_viewer()  # it keeps a record of every worker
    runner, done = JobRunner(), []
    pixels = np.zeros(4)
    held = weakref.ref(pixels)
    runner.start(lambda report, pixels=pixels: pixels.sum(), done.append)
    del pixels
    qtbot.waitUntil(lambda: bool(done))
    qtbot.waitUntil(lambda: gc.collect() >= 0 and held() is None)
