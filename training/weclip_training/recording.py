"""What a run leaves behind for people: its settings, figures, curves and a short report."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_bytes_atomically, write_text_atomically
from weclip_napari.session.folder_models import RUN_CONFIG
from weclip_training.checkpoints import own_checkpoint
from weclip_training.curves import draw_curves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weclip_training.config import TrainConfig
    from weclip_training.engine import TrainStep

METRICS, CURVES, REPORT = "metrics.csv", "curves.png", "report.md"
TENSORBOARD = "tensorboard"
LOCK = ".lock"
FIGURES = ("segmentation", "affinity", "total", "rate", "images_per_second", "memory_mib")
SCORES = ("pseudo_label", "decoder", "decoder_untagged")

Row = dict[str, Any]


def record(config: TrainConfig, events: Iterable[TrainStep]) -> Iterator[TrainStep]:
    """Pass on the events of a run and write them down in its folder.

    ``config.json``, ``metrics.csv`` (one line for each step), ``tensorboard/`` where that package
    is installed; at the end ``curves.png`` and ``report.md``.

    Raises
    ------
    UserError
        When the folder cannot be written to, or another process is at this run.
    """
    folder = Path(config.run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            own_checkpoint(config)  # before the settings of another run are written over
            text = json.dumps(config.to_json(), indent=1) + "\n"
            write_text_atomically(folder / RUN_CONFIG, text)
            yield from _write_down(folder, config, events)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"'{folder}' cannot be written to: {reason}. Free some space, allow writing, or name "
            "another folder."
        ) from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from going on with the same run; ends with this one, however it ends."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"'{folder}' is a run that another process is at. Wait for it, or end it."
        ) from error
    try:
        yield
    finally:
        lock.release()
        (folder / LOCK).unlink(missing_ok=True)


def _write_down(
    folder: Path, config: TrainConfig, events: Iterable[TrainStep]
) -> Iterator[TrainStep]:
    rows: list[Row] = []
    problems: list[str] = []
    board = _open_board(folder / TENSORBOARD)
    for event in events:
        if not rows:
            rows = _rows_before(folder / METRICS, event.step)
            _write_rows(folder / METRICS, rows)
        row = _row(event)
        rows.append(row)
        problems += event.problems
        with (folder / METRICS).open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, _columns()).writerow(row)
        _show(board, row)
        yield event
    if not rows and not (folder / REPORT).exists():  # killed when all but this was done
        rows = _rows_before(folder / METRICS, config.fit.steps + 1)
    if rows:
        draw_curves(folder / CURVES, rows)
        text = report_text(config, rows, problems)
        write_text_atomically(folder / REPORT, text)


def read_metrics(path: Path) -> list[Row]:
    """Read ``metrics.csv``; scores are None in steps that were not scored.

    A last line that a full disk, or the end of the process, cut short is left out.
    """
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [
        {name: float(value) if value else None for name, value in row.items()}
        for row in csv.DictReader(whole)
    ]


def report_text(config: TrainConfig, rows: list[Row], problems: Iterable[str] = ()) -> str:
    """Sum up a run in Markdown."""
    last, fit = rows[-1], config.fit
    lines = [
        f"# {Path(config.run).name}",
        "",
        f"{config.supervision} supervision of `{config.data.root}`, backbone and settings of "
        f"`{config.model}`; {int(last['step'])} of {fit.steps} steps of {fit.batch} images, seed "
        f"{fit.seed}.",
        "",
        "| | first | last |",
        "|---|---|---|",
    ]
    lines += [f"| {name} loss | {rows[0][name]:.4f} | {last[name]:.4f} |" for name in FIGURES[:3]]
    scored = [row for row in rows if row[SCORES[0]] is not None or row[SCORES[1]] is not None]
    for name in SCORES if scored else ():
        first, final = (_cell(row[name]) for row in (scored[0], scored[-1]))
        lines.append(f"| mIoU % of {name}, held out | {first} | {final} |")
    lines += ["", f"![curves]({CURVES})", ""]
    if problems:
        lines += ["To note:", "", *(f"- {problem}" for problem in problems), ""]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _columns() -> list[str]:
    return ["step", *FIGURES, *SCORES]


def _row(event: TrainStep) -> Row:
    facts = asdict(event)
    row: Row = {name: facts[name] for name in ("step", *FIGURES)}
    return row | {name: event.metrics.get(name) for name in SCORES}


def _rows_before(path: Path, step: int) -> list[Row]:
    """Read the lines of a run that goes on; those after its last checkpoint are done anew."""
    if not path.exists() or step == 1:
        return []
    rows = [row | {"step": int(row["step"])} for row in read_metrics(path)]
    return [row for row in rows if row["step"] < step]


def _write_rows(path: Path, rows: list[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns())
    writer.writeheader()
    writer.writerows(rows)
    write_bytes_atomically(path, text.getvalue().encode())


def _open_board(folder: Path) -> Any:
    """Open TensorBoard's log; None where that package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _show(board: Any, row: Row) -> None:
    if board is None:
        return
    for name in (*FIGURES, *SCORES):
        if row[name] is not None:
            board.add_scalar(name, row[name], int(row["step"]))
    board.flush()
