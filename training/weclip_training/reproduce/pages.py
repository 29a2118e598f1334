"""The files of an item: its table as Markdown and CSV, with all that one must know to trust it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.download import is_published_file
from weclip_napari.session.atomic import write_text_atomically
from weclip_training.reproduce.report import csv_as_markdown, csv_text, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weclip_training.reproduce.item import Item
    from weclip_training.reproduce.report import Row
    from weclip_training.reproduce.source import Part
    from weclip_training.reproduce.study import Study

ALL = "reproduction"
CLASS_TABLE = "_classes.csv"
"""Ending of an item's file with a row for each class, shown below its table."""
UNPUBLISHED = "**Not the published weights: proves that the commands run, is no result.**"


def write_item(study: Study, item: Item, rows: Sequence[Row], command: str) -> None:
    """Write ``ITEM.md`` and ``ITEM.csv``.

    Parameters
    ----------
    study, item, rows
        What was done and what came out.
    command
        What to type to get the same.

    Raises
    ------
    OSError
        When the folder cannot be written to.
    """
    write_text_atomically(study.out / f"{item.name}.csv", csv_text(item.name, rows))
    write_text_atomically(study.out / f"{item.name}.md", item_text(study, item, rows, command))


def item_text(study: Study, item: Item, rows: Sequence[Row], command: str) -> str:
    """Return an item's table as Markdown; see `write_item`."""
    paper = "paper" if study.source.benchmark == "voc" else "paper (VOC 2012)"
    picture = study.out / f"{item.name}.png"
    classes = study.out / f"{item.name}{CLASS_TABLE}"
    parts = [
        f"## {item.name} on {study.source.title}",
        item.about,
        *([UNPUBLISHED] if is_unpublished(study) else []),
        markdown_table(item.heading, paper, rows).rstrip(),
        *([f"![{item.name}]({picture.name})"] if picture.exists() else []),
        *([csv_as_markdown(classes.read_text("utf-8")).rstrip()] if classes.exists() else []),
        f"```bash\n{command}\n```",
        _facts(study, item),
    ]
    return "\n\n".join(parts) + "\n"


def write_all(study: Study, items: Sequence[Item]) -> Path:
    """Join what was written of several items into ``reproduction.md``.

    Raises
    ------
    OSError
        When a file cannot be read or written.
    """
    texts = [(study.out / f"{item.name}.md").read_text(encoding="utf-8") for item in items]
    path = study.out / f"{ALL}.md"
    write_text_atomically(path, "\n".join(texts))
    return path


def is_unpublished(study: Study) -> bool:
    """Whether figures on a benchmark come from other weights than the published ones."""
    if study.source.is_drawn:
        return False
    weights = None if study.weights is None else Path(study.weights)
    return not is_published_file(study.model, weights)


def _facts(study: Study, item: Item) -> str:
    """Say what model and how much of everything made the table."""
    base, budget = study.base(), study.budget
    most = [number for number in (item.images, budget.images) if number is not None]
    images = f"{_count(min(most, default=None))} images to train on{_list(study, 'train')}"
    held_out = f"{_count(budget.held_out)} held out{_list(study, 'val')}"
    trained = ""
    if item.runs(study):
        trained = f"; {budget.steps} steps of {budget.batch} images"
    return (
        f"Model `{base.name}`, backbone {base.backbone.fingerprint}; {images}, "
        f"{held_out}{trained}; PyTorch {torch.__version__}."
    )


def _list(study: Study, part: Part) -> str:
    """Name the list of a tree that a part is; whoever has none must know what was scored."""
    if study.source.is_drawn:
        return ""
    split = study.places.find(part, study.seeds[0]).split
    return " (all there are, for want of a list)" if split is None else f" (list `{split}`)"


def _count(number: int | None) -> str:
    return "all" if number is None else str(number)
