"""Trainings from the panel that are broken off, fail, or are in the way of each other."""

import os
import signal
import sys

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from tests.gui.retraining import (
    TIMEOUT,
    click,
    finished_run,
    look_again,
    make_folder,
    masks,
    open_folder,
    settle,
    start_and_wait,
    wait_for_step,
)
from tests.red_and_blue import SIZE
from weclip_napari.gui import retrain_process
from weclip_napari.gui.retrain_outlook import steps_before
from weclip_napari.gui.retrain_process import Step
from weclip_napari.session.folder_models import runs_folder


@pytest.fixture
def panel(open_panel, pictures):
    return open_panel(pictures)


@pytest.fixture
def annotator(panel):
    return panel._annotator


def test_a_killed_training_is_told_leaves_everything_and_goes_on(panel, annotator, pictures, qtbot):
    annotator.layers.mask.propose(np.ones(SIZE, np.uint8))  # unsaved when the training starts
    panel.budget.setValue(60)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 16, qtbot)
    assert not annotator.is_dirty  # the open image was saved first
    before = masks(pictures)
    os.kill(panel.process.process_id, signal.SIGKILL)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert "killed" in panel.error.message.text()
    assert "memory" in panel.error.message.text()
    assert masks(pictures) == before
    assert annotator.step(1)  # it goes on
    settle(annotator, qtbot)
    reached = panel.curves.losses[-1][0]
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)
    click(panel.resume_button, qtbot)
    assert len(panel.curves.losses) >= reached - 1  # what was done before is shown
    qtbot.waitUntil(lambda: panel.result is not None, timeout=TIMEOUT)
    assert [step for step, _ in panel.curves.losses] == list(range(1, 61))


def test_a_cancelled_training_can_be_resumed(panel, annotator, qtbot):
    panel.budget.setValue(1000)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 2, qtbot)
    assert "of 1000" in panel.progress.text()
    click(panel.cancel_button, qtbot)
    qtbot.waitUntil(lambda: not panel.process.is_running, timeout=TIMEOUT)
    assert "cancelled" in panel.error.message.text()
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)
    assert not panel.cancel_button.isEnabled()
    assert panel.start_button.isEnabled()


def test_what_a_failed_training_said_is_shown_whole_and_can_be_copied(
    panel, annotator, pictures, qtbot
):
    annotator.engine.choose_model("/nowhere/model")
    click(panel.start_button, qtbot)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert "/nowhere/model" in panel.error.message.text()
    panel.error.copy_button.click()
    assert "/nowhere/model" in QApplication.clipboard().text()


def test_an_unforeseen_error_shows_its_traceback(panel, monkeypatch, qtbot):
    broken = [sys.executable, "-c", "raise MemoryError('no room')"]
    monkeypatch.setattr(retrain_process, "_command", lambda _: broken)
    click(panel.start_button, qtbot)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert "exit 1" in panel.error.message.text()
    assert panel.error.details.toPlainText().startswith("Traceback")
    assert panel.error.details.toPlainText().endswith("MemoryError: no room")
    assert panel.error.details.isVisible()


def test_closing_ends_the_training_which_can_be_resumed(panel, annotator, qtbot):
    panel.budget.setValue(1000)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 1, qtbot)
    number = panel.process.process_id
    panel.close_down()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    panel.refresh()
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)


@pytest.mark.parametrize("is_killed", [False, True])
def test_nobody_is_sent_to_resume_what_had_not_begun(panel, is_killed, qtbot):
    start_and_wait(panel, qtbot)
    if is_killed:
        os.kill(panel.process.process_id, signal.SIGKILL)
    else:
        click(panel.cancel_button, qtbot)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not panel.looking.is_busy, timeout=TIMEOUT)
    assert "Resume" not in panel.error.message.text()
    assert not panel.resume_button.isEnabled()


def test_a_torn_line_of_the_metrics_does_not_keep_a_training_from_going_on(panel, pictures, qtbot):
    panel.budget.setValue(60)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 3, qtbot)
    panel.process.stop()
    run = panel.process.run
    done = len(steps_before(run))
    with (run / "metrics.csv").open("a") as file:  # as a full disk leaves it
        file.write(f"{done + 1},0.1")
    steps = steps_before(run)
    assert len(steps) == done
    assert all(np.isfinite((step.loss, step.affinity)).all() for step in steps)


def test_what_went_wrong_in_another_folder_names_it(panel, annotator, pictures, tmp_path, qtbot):
    start_and_wait(panel, qtbot)
    open_folder(annotator, make_folder(tmp_path / "others", accepted=0), qtbot)
    os.kill(panel.process.process_id, signal.SIGKILL)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert str(pictures) in panel.error.message.text()


def test_the_result_before_is_not_shown_while_a_training_runs(panel, pictures, qtbot):
    finished_run(pictures)
    look_again(panel, qtbot)
    assert panel.table.isVisible()
    start_and_wait(panel, qtbot)
    look_again(panel, qtbot)
    assert panel.process.is_running
    assert not panel.table.isVisible()
    assert not panel.keep_button.isVisible()


def test_a_model_in_use_is_not_offered_again(panel, annotator, pictures, qtbot):
    annotator.folder_model.name = finished_run(pictures).name  # left too soon to note it
    look_again(panel, qtbot)
    assert panel.result is None
    assert not panel.keep_button.isVisible()


def test_what_the_last_training_ended_with_is_not_told_while_the_next_runs(panel, annotator, qtbot):
    told = []
    annotator.noted.connect(told.append)
    start_and_wait(panel, qtbot)
    assert told == [""]


def test_many_problems_are_told_in_short_and_only_if_they_are_news(panel, annotator):
    told = []
    annotator.noted.connect(told.append)
    known = panel.outlook.notes
    assert known
    panel._show_step(Step(1, 8, 1.0, 1.0, {}, known))
    assert told == []
    panel._show_step(Step(2, 8, 1.0, 1.0, {}, (*known, *(f"{n} is broken." for n in range(9)))))
    assert told == ["0 is broken. 1 is broken. 2 is broken. … and 6 more"]


def test_the_end_of_a_traceback_is_in_sight(panel, qtbot):
    panel.error.show_error("It failed.", "\n".join(f"line {number}" for number in range(99)))
    details = panel.error.details
    qtbot.waitUntil(lambda: details.verticalScrollBar().value() > 0)
    assert details.viewport().rect().contains(details.cursorRect().center())
    assert details.textCursor().atEnd()


def test_a_folder_that_another_window_has_cannot_be_resumed_here(open_panel, pictures, qtbot):
    finished_run(pictures)
    (runs_folder(pictures) / "2026-01-01" / "result.json").unlink()
    open_panel(pictures)
    second = open_panel(pictures)
    told = []
    second._annotator.failed.connect(told.append)
    click(second.resume_button, qtbot)
    assert "another window" in told[0]
    assert not second.process.is_running
