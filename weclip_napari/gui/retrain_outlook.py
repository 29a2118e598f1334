"""What a retraining of the open folder would use, and what the last one left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.folder_models import (
    RUN_DECIDED,
    RUN_RESULT,
    last_run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from weclip_training.config import Selection

    from weclip_napari.gui.engine import Report
    from weclip_napari.gui.retrain_process import Step
    from weclip_napari.session.workspace import Workspace

Scores = dict[str, float | None]


@dataclass(frozen=True)
class RunResult:
    """What a finished run brought.

    Attributes
    ----------
    run
        Its folder.
    images
        How many accepted images were held out for the comparison.
    before, after
        From class to IoU in percent on them.
    mean_before, mean_after
        Means over the classes.
    is_decided
        Whether the user has kept or discarded it.
    """

    run: Path
    images: int
    before: Scores
    after: Scores
    mean_before: float | None
    mean_after: float | None
    is_decided: bool

    @property
    def model(self) -> Path | None:
        """The folder of its last checkpoint."""
        return max((self.run / "checkpoints").glob("step-*"), default=None)

    def decide(self, decision: str) -> None:
        """Note what the user decided."""
        write_text_atomically(self.run / RUN_DECIDED, decision + "\n")


@dataclass(frozen=True)
class Outlook:
    """What the panel shows before anything is started.

    Attributes
    ----------
    summary
        What would be used, in a line.
    notes
        What the user should know of it.
    problem
        Why nothing can be trained, and the remedy; empty when it can.
    unfinished
        The last run, if it was broken off.
    result
        What the last run brought, if it is done.
    """

    summary: str
    notes: tuple[str, ...]
    problem: str
    unfinished: Path | None
    result: RunResult | None


def look_up(workspace: Workspace, selection: Selection, report: Report) -> Outlook:
    """Look up what could be done, in any thread; what was not read of the folder is read first."""
    from weclip_training.annotated import plan_workspace, require_usable

    for row in workspace.index.unread_rows():
        report(f"Reading {workspace.name(row)}")
        workspace.index.refresh(row)
    plan = plan_workspace(workspace, selection)
    problem = ""
    try:
        require_usable(plan)
    except UserError as error:
        problem = str(error)
    run = last_run(workspace.folder)
    result = None if run is None else read_result(run)
    return Outlook(plan.summary(), plan.notes, problem, run if result is None else None, result)


def read_result(run: Path) -> RunResult | None:
    """Read what a run brought; None when it is not done, or that cannot be read."""
    try:
        facts = json.loads((run / RUN_RESULT).read_text(encoding="utf-8"))
        return RunResult(
            run,
            int(facts["images"]),
            dict(facts["before"]),
            dict(facts["after"]),
            facts["mean_before"],
            facts["mean_after"],
            (run / RUN_DECIDED).exists(),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def steps_before(run: Path) -> list[Step]:
    """Read the steps of a run that were done before it was broken off."""
    from weclip_training.recording import METRICS, SCORES, read_metrics

    from weclip_napari.gui.retrain_process import Step

    def scores(row: Mapping[str, float | None]) -> dict[str, float]:
        return {name: value for name in SCORES if (value := row.get(name)) is not None}

    try:
        rows = read_metrics(run / METRICS)
        return [
            Step(int(row["step"]), len(rows), row["total"], row["affinity"], scores(row))
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
