"""A training in a process of its own, so that whatever happens to it leaves the annotator alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from weclip_napari.gui.native_libraries import SHORT_WAITS
from weclip_napari.session.folder_models import RUN_CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GRACE_MS = 3000
"""How long a cancelled training may take to end by itself."""
BAD_INPUT = 2
UNTOUCHED = "The annotator and its labels are as they were."


@dataclass(frozen=True)
class Step:
    """What the training tells after each step.

    Attributes
    ----------
    step, steps
        Number of the step, from 1, and of all.
    loss, affinity
        The whole loss and the affinity loss.
    scores
        From "decoder" and "pseudo_label" to their mIoU on held-out images in percent; empty in
        most steps.
    problems
        Images that were left out, and why.
    """

    step: int
    steps: int
    loss: float
    affinity: float
    scores: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def progress_text(step: Step, times: list[tuple[int, float]]) -> str:
    """Say how far a training is and how long the rest will take at the present pace.

    Parameters
    ----------
    step
        The last one.
    times
        Of some steps up to it: (number, seconds).
    """
    if step.step == step.steps:
        return f"{step.steps} steps done. Comparing before and after…"
    text = f"Step {step.step} of {step.steps}"
    (first, began), (last, now) = times[0], times[-1]
    if last == first:
        return text
    left = round((step.steps - last) * (now - began) / (last - first))
    return f"{text}, {left // 60}:{left % 60:02d} left"


class End(Enum):
    """How a training ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class RetrainProcess(QObject):
    """Runs ``python -m weclip_training`` and passes on what it tells.

    The annotator needs the processor, too, while somebody draws: the training has a low priority
    where the system knows `nice`, its threads sleep while they wait for each other, and with one
    or two processors it has a single thread.

    Signals
    -------
    stepped(Step)
        A step is done.
    ended(End, str, str)
        How it ended; what to tell the user; and all that the process said on its standard error.
    """

    stepped = Signal(object)
    ended = Signal(object, str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._is_cancelled = False
        self._rest = b""
        self._said = b""
        self.run = Path()

    @property
    def is_running(self) -> bool:
        """Whether a training runs."""
        return self._process is not None

    @property
    def process_id(self) -> int:
        """Number of the process; 0 when none runs."""
        return 0 if self._process is None else int(self._process.processId())

    def start(self, run: Path, arguments: Sequence[str]) -> None:
        """Start a training.

        Parameters
        ----------
        run
            Its folder.
        arguments
            What follows ``python -m weclip_training``.
        """
        self.run = run
        self._is_cancelled, self._rest, self._said = False, b"", b""
        process = self._process = QProcess(self)
        process.setProcessEnvironment(_environment())
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._listen)
        process.finished.connect(lambda code, status: self._finish(code, status))
        process.errorOccurred.connect(self._on_error)
        program, *rest = _command(arguments)
        process.start(program, rest)

    def cancel(self) -> None:
        """Ask the training to end, and end it if it does not."""
        process = self._process
        if process is None:
            return
        self._is_cancelled = True
        process.terminate()
        patience = QTimer(process, singleShot=True, interval=GRACE_MS)  # it goes with the process
        patience.timeout.connect(process.kill)
        patience.start()

    def stop(self) -> None:
        """End the training now and tell nobody, because the annotator closes."""
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(GRACE_MS)

    def _read(self) -> None:
        """Take over whole lines; what is no event was meant for people."""
        assert self._process is not None  # noqa: S101
        data = self._rest + bytes(self._process.readAllStandardOutput())
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            step = _parsed(line)
            if step is None:
                self._said += line + b"\n"
            else:
                self.stepped.emit(step)

    def _listen(self) -> None:
        assert self._process is not None  # noqa: S101
        self._said += bytes(self._process.readAllStandardError())

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            reason = self._process.errorString()
            self._end(End.FAILED, f"The training could not be started: {reason}. {UNTOUCHED}")

    def _finish(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._process is None:
            return
        self._read()
        self._listen()
        if self._is_cancelled:
            remedy = "Resume goes on with it." if self._can_resume else "It had not begun yet."
            self._end(End.CANCELLED, f"The training was cancelled. {remedy}")
        elif status == QProcess.ExitStatus.CrashExit:
            self._end(End.FAILED, _crash_message(code, can_resume=self._can_resume))
        elif code == BAD_INPUT:
            self._end(End.FAILED, _last_error(self._text()))
        elif code:
            self._end(End.FAILED, f"The training failed (exit {code}). {UNTOUCHED}")
        else:
            self._end(End.DONE, "")

    def _end(self, end: End, message: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        self.ended.emit(end, message, self._text())

    @property
    def _can_resume(self) -> bool:
        return (self.run / RUN_CONFIG).is_file()

    def _text(self) -> str:
        return self._said.decode("utf-8", "replace").strip()


def _command(arguments: Sequence[str]) -> list[str]:
    nice = shutil.which("nice") if os.name == "posix" else None
    lowly = [nice, "-n", "10"] if nice else []
    return [*lowly, sys.executable, "-m", "weclip_training", *arguments]


def _environment() -> QProcessEnvironment:
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("PYTHONIOENCODING", "utf-8")
    for name, value in SHORT_WAITS.items():
        environment.insert(name, value)
    if (os.cpu_count() or 1) <= 2:
        environment.insert("OMP_NUM_THREADS", "1")
    return environment


def _parsed(line: bytes) -> Step | None:
    """Read one event; None for anything else."""
    try:
        facts: dict[str, Any] = json.loads(line)
        return Step(
            int(facts["step"]),
            int(facts["steps"]),
            float(facts["total"]),
            float(facts["affinity"]),
            {name: float(value) for name, value in facts["metrics"].items()},
            tuple(facts["problems"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _crash_message(number: int, *, can_resume: bool) -> str:
    """Say what a signal means; on Windows the number is an error code."""
    remedy = "Resume goes on from the last checkpoint" if can_resume else "retrain"
    if os.name == "posix" and number == signal.SIGKILL:
        return (
            "The training was killed from outside. Mostly that means that the memory ran out: "
            f"close other programs, then {remedy}. {UNTOUCHED}"
        )
    return f"The training crashed ({number}). {remedy.capitalize()}. {UNTOUCHED}"


def _last_error(text: str) -> str:
    """Find what a mistake is called that the user can mend."""
    found = [line for line in text.splitlines() if line.startswith("error: ")]
    return found[-1].removeprefix("error: ") if found else text
