"""The tab "Retrain": what would be used, how far it is, what it brought."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QProgressBar, QVBoxLayout, QWidget
from weclip_training.config import RETRAIN_STEPS

from weclip_napari.errors import UserError
from weclip_napari.gui.buttons import button, drop_down, row_of
from weclip_napari.gui.comparison_table import ComparisonTable
from weclip_napari.gui.jobs import JobRunner
from weclip_napari.gui.loss_curves import LossCurves
from weclip_napari.gui.retrain_outlook import look_up, steps_before
from weclip_napari.gui.retrain_process import End, RetrainProcess, progress_text
from weclip_napari.gui.state_style import PROBLEM_COLOR
from weclip_napari.gui.tooltips import explain
from weclip_napari.gui.training_error import TrainingError
from weclip_napari.session.folder_models import runs_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from qtpy.QtGui import QShowEvent

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.jobs import Progress
    from weclip_napari.gui.retrain_outlook import Outlook, RunResult
    from weclip_napari.gui.retrain_process import Step

SETTLE_MS = 400
RECENT = 20
"""Steps whose time tells how long the rest takes."""
STEPS, MINUTES = "steps", "minutes"
_BUDGETS = {STEPS: (1, 100_000, RETRAIN_STEPS), MINUTES: (0.5, 1440, 5)}
_SELECTIONS = {"all": "Reviewed + tags", "reviewed": "Reviewed only"}
_SMALL = "font-size: 9pt; color: rgb(150, 156, 166)"
_MOST_NOTES = 3


class RetrainPanel(QWidget):
    """Starts a training in another process and shows it; nothing here waits for it."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.process = RetrainProcess(self)
        self.looking, self.starting = JobRunner(parent=self), JobRunner(parent=self)
        self.outlook: Outlook | None = None
        self.result: RunResult | None = None
        self._times: list[tuple[int, float]] = []
        self._timer = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._show_outlook()
        self._show_result()

    def start(self) -> None:
        """Save the open image and train on what there is then."""
        annotator = self._annotator
        if annotator.workspace is None:
            annotator.failed.emit("Open a folder first.")
        elif annotator.is_read_only:
            annotator.tell_read_only()
        elif self.process.is_running or self.starting.is_busy:
            annotator.failed.emit("A training is running. Cancel it to start another one.")
        elif annotator.save_now():  # says itself what went wrong
            annotator.class_work.store_now()
            self._look_up(self.starting, self._begin)

    def resume(self) -> None:
        """Go on with the run that was broken off last."""
        run = self.outlook.unfinished if self.outlook else None
        if run is None or self.process.is_running:
            return
        if self._annotator.is_read_only:
            self._annotator.tell_read_only()
            return
        if not self._annotator.save_now():
            return
        self._launch(run, ["resume", str(run), "--events"])
        for step in steps_before(run):
            self.curves.add(step)

    def cancel(self) -> None:
        """Stop the training; it can be resumed."""
        self.cancel_button.setEnabled(False)
        self.process.cancel()

    def keep(self) -> None:
        """Use the new model in this folder."""
        result = self.result
        if result is None:
            return
        if result.model is None:
            self._annotator.failed.emit(f"'{result.run}' has no checkpoint any more; retrain.")
            return
        self._set_deciding(False)
        model = self._annotator.folder_model
        model.keep(result.model, result.run.name, result.after, partial(self._decide, "kept"))

    def discard(self) -> None:
        """Leave the model as it is."""
        self._decide("discarded")
        self._annotator.noted.emit("The model stays as it is.")

    def roll_back(self) -> None:
        """Use the model again that was in use before."""
        self.roll_back_button.setEnabled(False)
        self._annotator.folder_model.roll_back()

    def close_down(self) -> None:
        """End the training; it can be resumed the next time."""
        self._timer.stop()
        self.looking.cancel()
        self.starting.cancel()
        self.process.stop()

    def showEvent(self, event: QShowEvent) -> None:
        """Look at what there is now."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Look up anew what would be used."""
        if self._annotator.workspace is not None:
            self._look_up(self.looking, self._take_over)

    def _make_widgets(self) -> None:
        self.summary, self.notes, self.held_out = _text(), _text(_SMALL), _text(_SMALL)
        explain(self.summary, "training_images")
        self.selection = drop_down("training_selection")
        for value, text in _SELECTIONS.items():
            self.selection.addItem(text, value)
        self.selection.setMinimumWidth(135)
        self.budget = QDoubleSpinBox()
        explain(self.budget, "training_budget")
        self.budget.setFixedWidth(84)
        self.unit = drop_down("training_budget")
        self.unit.addItems([STEPS, MINUTES])
        self.unit.setFixedWidth(84)
        self.start_button = button("Retrain", "retrain", self.start)
        self.resume_button = button("Resume", "resume_training", self.resume)
        self.cancel_button = button("Cancel", "cancel_training", self.cancel)
        self.bar = QProgressBar()
        explain(self.bar, "training_progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.progress = _text(_SMALL)
        self.curves = LossCurves()
        self.error = TrainingError()
        self.table = ComparisonTable()
        self.keep_button = button("Keep", "keep_model", self.keep)
        self.discard_button = button("Discard", "discard_model", self.discard)
        self.roll_back_button = button("Roll back", "roll_back", self.roll_back)
        self._choose_unit(STEPS)

    def _lay_out(self) -> None:
        choice = row_of(self.selection, self.budget, self.unit)
        choice.setStretchFactor(self.selection, 1)
        buttons = row_of(self.start_button, self.resume_button, self.cancel_button)
        buttons.setStretchFactor(self.start_button, 1)
        decision = row_of(self.keep_button, self.discard_button, self.roll_back_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 6, 4, 4)
        layout.setSpacing(6)
        layout.addWidget(self.summary)
        layout.addWidget(self.notes)
        layout.addLayout(choice)
        layout.addLayout(buttons)
        for widget in (self.bar, self.progress, self.error, self.held_out):
            layout.addWidget(widget)
        layout.addLayout(decision)  # above the table, which is taller than what is in sight
        layout.addWidget(self.table)
        layout.addWidget(self.curves)
        layout.addStretch(1)
        for shown_later in (self.bar, self.progress, self.curves, self.held_out, self.table):
            shown_later.hide()

    def _connect(self) -> None:
        annotator = self._annotator
        annotator.folder_opened.connect(self._forget)
        for signal in (annotator.row_changed, annotator.rows_changed, annotator.classes_changed):
            signal.connect(self._look_soon)
        annotator.folder_model.changed.connect(self._show_decision)
        annotator.folder_model.jobs.busy_changed.connect(lambda _: self._show_decision())
        self._timer.timeout.connect(self._look_when_shown)
        self.selection.currentIndexChanged.connect(lambda _: self.refresh())
        self.unit.currentTextChanged.connect(self._choose_unit)
        for jobs in (self.looking, self.starting):
            jobs.failed.connect(annotator.failed)
        self.starting.busy_changed.connect(lambda _: self._show_outlook())
        self.process.stepped.connect(self._show_step)
        self.process.ended.connect(self._on_ended)

    def _choose_unit(self, unit: str) -> None:
        least, most, usual = _BUDGETS[unit]
        self.budget.setDecimals(1 if unit == MINUTES else 0)
        self.budget.setRange(least, most)
        self.budget.setSingleStep(1 if unit == MINUTES else 50)
        self.budget.setValue(usual)

    def _look_soon(self) -> None:
        """Look when the changes pause; a stroke tells many."""
        self._timer.start()

    def _look_when_shown(self) -> None:
        if self.isVisible():
            self.refresh()

    def _look_up(self, jobs: JobRunner, on_done: Callable[[Outlook], None]) -> None:
        workspace = self._annotator.workspace
        selection = self.selection.currentData()

        def work(report: Progress) -> Outlook:
            assert workspace is not None  # noqa: S101
            return look_up(workspace, selection, report)

        jobs.start(work, on_done)

    def _forget(self) -> None:
        """Show nothing of the folder before; its training, if one runs, goes on."""
        self.outlook = self.result = None
        self.starting.cancel()
        self.error.clear()
        if not self.process.is_running:
            self._show_running(False)
            self.curves.hide()
        self._show_result()
        self._show_outlook()
        self.refresh()

    def _take_over(self, outlook: Outlook) -> None:
        self.outlook = outlook
        result = outlook.result
        if result is not None and not (self._is_settled(result) or self._runs_here):
            self.result = result
            self._show_result()
        self._show_outlook()

    def _is_settled(self, result: RunResult) -> bool:
        """Whether it was decided, or is in use: the folder may be left right after Keep."""
        return result.is_decided or result.run.name == self._annotator.folder_model.name

    def _begin(self, outlook: Outlook) -> None:
        """Start a run, unless it could only fail."""
        self._take_over(outlook)
        if outlook.problem:
            self._annotator.failed.emit(outlook.problem)
            return
        annotator = self._annotator
        assert annotator.workspace is not None  # noqa: S101
        engine, folder = annotator.engine, annotator.workspace.folder
        run = runs_folder(folder) / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S-%f")
        value = self.budget.value()
        budget = f"{value:g}" if self.unit.currentText() == MINUTES else str(int(value))
        options = [
            "--run",
            str(run),
            "--model",
            engine.spec,
            f"--{self.unit.currentText()}",
            budget,
        ]
        options += ["--reviewed-only"] if self.selection.currentData() == "reviewed" else []
        options += ["--device", engine.device] if engine.device else []
        options += ["--weights", str(engine.weights)] if engine.weights else []
        self._launch(run, ["retrain", str(folder), *options, "--events"])

    def _launch(self, run: Path, arguments: list[str]) -> None:
        self.result = None
        self._times = []
        self._annotator.noted.emit("")  # what the training before ended with holds no more
        self.error.clear()
        self.curves.clear()
        self.curves.show()
        self._show_result()
        self.bar.setRange(0, 0)
        self.progress.setText("Loading the model and the images…")
        self.process.start(run, arguments)
        self._show_running(True)

    def _show_step(self, step: Step) -> None:
        self.curves.add(step)
        self._times = [*self._times[-RECENT:], (step.step, time.monotonic())]
        self.bar.setRange(0, step.steps)
        self.bar.setValue(step.step)
        self.progress.setText(progress_text(step, self._times))
        known = self.outlook.notes if self.outlook else ()
        news = [problem for problem in step.problems if problem not in known]
        if news:
            self._annotator.noted.emit(" ".join(_in_short(news)))

    def _on_ended(self, end: End, message: str, said: str) -> None:
        self._show_running(False)
        is_problem, annotator = end is End.FAILED, self._annotator
        if end is End.DONE:
            message = "The training is done: compare before and after, then keep it or not."
        if not self._is_of_this_folder:
            message = f"{message} It belongs to another folder: '{self.process.run.parents[2]}'."
        if end is not End.DONE:
            self.error.show_error(message, said if is_problem else "", is_problem=is_problem)
        (annotator.failed if is_problem else annotator.noted).emit(message)
        self.refresh()

    @property
    def _is_of_this_folder(self) -> bool:
        """Whether the present training, or the last one, is of the open folder."""
        workspace = self._annotator.workspace
        return workspace is not None and runs_folder(workspace.folder) == self.process.run.parent

    @property
    def _runs_here(self) -> bool:
        return self.process.is_running and self._is_of_this_folder

    def _decide(self, decision: str) -> None:
        if self.result is not None:
            try:
                self.result.decide(decision)
            except (OSError, UserError) as error:
                self._annotator.failed.emit(str(error))
            self.result = None
        if decision == "discarded":
            self._show_result()
        self._show_decision()
        self.refresh()

    def _show_running(self, is_running: bool) -> None:
        self.bar.setVisible(is_running)
        self.progress.setVisible(is_running)
        self._show_outlook()

    def _show_outlook(self) -> None:
        """Show what would be used, and what can be done."""
        outlook = self.outlook
        is_running = self.process.is_running or self.starting.is_busy
        is_open = self._annotator.workspace is not None
        problem = outlook.problem if outlook else ""
        usual = outlook.summary if outlook else "Open a folder first." if not is_open else "…"
        self.summary.setText(f"{usual}." if outlook else usual)
        notes = list(outlook.notes if outlook else ())
        self.notes.setText("\n".join([problem] if problem else _in_short(notes)))
        self.notes.setToolTip("<p>" + "<br>".join(notes) + "</p>" if notes else "")
        self.notes.setStyleSheet(f"font-size: 9pt; color: {PROBLEM_COLOR}" if problem else _SMALL)
        self.notes.setVisible(bool(self.notes.text()))
        self.start_button.setEnabled(is_open and not is_running)
        can_resume = outlook is not None and outlook.unfinished is not None
        self.resume_button.setEnabled(can_resume and not is_running)
        self.cancel_button.setEnabled(self.process.is_running)
        for widget in (self.selection, self.budget, self.unit):
            widget.setEnabled(not is_running)

    def _show_result(self) -> None:
        result = self.result
        for widget in (self.held_out, self.table):
            widget.setVisible(result is not None)
        if result is not None:
            images = (
                "1 held-out image" if result.images == 1 else f"{result.images} held-out images"
            )
            self.held_out.setText(f"Proposals for {images}, IoU in percent:")
            self.table.show_result(result)
        self._show_decision()

    def _show_decision(self) -> None:
        """Offer what can be decided."""
        model = self._annotator.folder_model
        is_free = not (self._annotator.is_read_only or model.jobs.is_busy)
        self._set_deciding(is_free and self.result is not None)
        self.roll_back_button.setEnabled(is_free and bool(model.name))
        self.roll_back_button.setVisible(bool(model.name))

    def _set_deciding(self, is_possible: bool) -> None:
        for widget in (self.keep_button, self.discard_button):
            widget.setEnabled(is_possible)
            widget.setVisible(self.result is not None)


def _in_short(notes: Sequence[str]) -> list[str]:
    """Leave notes out where there are too many to show."""
    more = len(notes) - _MOST_NOTES
    return [*notes[:_MOST_NOTES], *([f"… and {more} more"] if more > 0 else [])]


def _text(style: str = "") -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    return label
