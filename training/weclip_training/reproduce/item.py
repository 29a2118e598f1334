"""What an item of the reproduction is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.report import Row
    from weclip_training.reproduce.study import Study


def _no_runs(study: Study) -> Sequence[TrainConfig]:
    return ()


@dataclass(frozen=True)
class Item:
    """A table or figure.

    Attributes
    ----------
    name : str
        As typed; also of its files.
    about : str
        One sentence on what it shows.
    heading : str
        What our figures are, such as "mIoU %, val".
    rows : callable
        Works and gives the rows of the table one by one. Pictures that it writes as
        ``study.out / f"{name}.png"`` are shown below the table, as is a table for each class in
        ``f"{name}_classes.csv"``.
    runs : callable
        The training runs that it needs, of all seeds, for the estimate of time.
    scorings : int
        How often it scores as many images as are held out, for each seed, besides once for each
        run; for the estimate of time.
    datasets : tuple of str
        What it can work on.
    images : int or None
        How many it trains on at most; None leaves that to the study.
    """

    name: str
    about: str
    heading: str
    rows: Callable[[Study], Iterator[Row]]
    runs: Callable[[Study], Sequence[TrainConfig]] = _no_runs
    scorings: int = 0
    datasets: tuple[str, ...] = ("scenes", "voc", "coco")
    images: int | None = None
