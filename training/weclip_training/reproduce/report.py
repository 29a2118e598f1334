"""Tables: the paper's figure beside ours, as Markdown for people and as CSV for programs."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("item", "setting", "paper", "ours_mean", "ours_std", "seeds", "seconds")
NOTHING = "-"


@dataclass(frozen=True)
class Row:
    """What came out for one setting.

    Attributes
    ----------
    setting : str
        Its name, without line breaks.
    paper : str
        The printed figure; empty where there is none.
    values : tuple of float
        Ours, one for each seed, or a single one where no seed matters; empty where nothing was
        computed.
    seconds : float
        Time of all that made them.
    remark : str
        Goes under the table.
    """

    setting: str
    paper: str = ""
    values: tuple[float, ...] = ()
    seconds: float = 0.0
    remark: str = ""

    @property
    def mean(self) -> float | None:
        """Mean over the seeds; None without values."""
        return mean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds, of a sample; None for fewer than two values."""
        return stdev(self.values) if len(self.values) > 1 else None


def csv_text(item: str, rows: Sequence[Row]) -> str:
    """Return the table as CSV: `COLUMNS`, numbers with two digits, empty where there is none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        figures = (digits(row.mean, 2), digits(row.spread, 2), len(row.values))
        writer.writerow([item, row.setting, row.paper, *figures, digits(row.seconds, 1)])
    return text.getvalue()


def markdown_table(heading: str, paper: str, rows: Sequence[Row]) -> str:
    """Return the table as Markdown, remarks below it.

    Parameters
    ----------
    heading
        What our figures are.
    paper
        What the paper's figures are.
    rows
        The settings in order.
    """
    lines = [f"| setting | {paper} | {heading} | seeds | min |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    remarks = [f"- {row.setting}: {row.remark}" for row in rows if row.remark]
    return "\n".join([*lines, *([""] if remarks else []), *remarks]) + "\n"


def csv_as_markdown(text: str) -> str:
    """Lay out any CSV as a Markdown table."""
    head, *rows = csv.reader(io.StringIO(text))
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell or NOTHING for cell in line)} |\n" for line in lines)


def _cells(row: Row) -> list[str]:
    ours = NOTHING
    if row.values:
        spread = "" if row.spread is None else f" ± {row.spread:.1f}"
        ours = f"{row.mean:.1f}{spread}"
    minutes = f"{row.seconds / 60:.1f}" if row.values else NOTHING
    return [row.setting, row.paper or NOTHING, ours, str(len(row.values) or NOTHING), minutes]


def digits(value: float | None, count: int) -> str:
    """Write a number with so many digits after the point; nothing where there is none."""
    return "" if value is None else f"{value:.{count}f}"
