"""``weclip-reproduce``: the tables and figures of the paper's supplement."""

from __future__ import annotations

import argparse
import shlex
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.console import at_least, exit_code, say
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weclip_training.reproduce.item import Item
    from weclip_training.reproduce.outlook import Outlook
    from weclip_training.reproduce.source import Budget
    from weclip_training.reproduce.study import Study

ALL = "all"
OPTIONS = (
    *("dataset", "root", "seeds", "out", "images", "held_out"),
    *("steps", "batch", "model", "weights", "device"),
    *("other", "other_weights"),
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    from weclip_training.reproduce.items import ITEMS
    from weclip_training.reproduce.source import SOURCES

    about = {name: item.about for name, item in ITEMS.items()} | {ALL: "All of them."}
    parser = argparse.ArgumentParser(
        prog="weclip-reproduce",
        description="Reproduce a table or figure of the paper's supplement. What was broken off "
        "goes on where it stood.",
        epilog="items:\n" + "\n".join(_paragraph(*entry) for entry in about.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("item", metavar="ITEM", choices=(*ITEMS, ALL), help="see below")
    parser.add_argument(
        "--dataset", choices=tuple(SOURCES), default="scenes", help="default: scenes, drawn anew"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="the tree of VOC or COCO")
    parser.add_argument(
        "--seeds", type=at_least(1), default=3, metavar="N", help="how many (default: 3)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for all files")
    _add_budget(parser, SOURCES["scenes"].budget)
    parser.add_argument("--model", metavar="NAME", help="whose backbone")
    parser.add_argument("--weights", metavar="FILE", help="the backbone's weights")
    parser.add_argument("--device", metavar="NAME", help="default: a GPU if any")
    parser.add_argument(
        "--other",
        metavar="NAME",
        help="figure2: timm/NAME or a model as for --model (default: random weights)",
    )
    parser.add_argument("--other-weights", metavar="FILE", help="figure2: the weights of --other")
    return parser


def _paragraph(name: str, about: str) -> str:
    return textwrap.fill(about, 79, initial_indent=f"  {name:12} ", subsequent_indent=" " * 15)


def _add_budget(parser: argparse.ArgumentParser, usual: Budget) -> None:
    budget = parser.add_argument_group(
        "size",
        f"By default {usual.images} scenes and {usual.held_out} held out, {usual.steps} steps of "
        f"{usual.batch} images; of VOC and COCO everything, as published.",
    )
    number = at_least(1)
    budget.add_argument("--images", type=number, metavar="N", help="to train on, at most")
    budget.add_argument("--held-out", type=number, metavar="N", help="to score on, at most")
    budget.add_argument("--steps", type=number, metavar="N", help="of each training run")
    budget.add_argument("--batch", type=number, metavar="N", help="images in a step")


def main(argv: Sequence[str] | None = None) -> int:
    """Reproduce what the command line names.

    Returns
    -------
    int
        0 when all went well; 2 when something was wrong with the input, which is then named on
        the standard error; 130 when interrupted.
    """
    args = build_parser().parse_args(argv)
    return exit_code(lambda: _run(args), "stopped; the same command goes on where it stood")


def _run(args: argparse.Namespace) -> int:
    from weclip_training.reproduce.outlook import Outlook
    from weclip_training.reproduce.pages import write_all, write_item

    study, items = open_study(args), chosen_items(args)
    study.out.mkdir(parents=True, exist_ok=True)
    say("measuring how long it will take")
    outlook = Outlook(study, items)
    say(str(outlook))
    study.runs.watchers.append(partial(_tell, outlook))
    for item in items:
        write_item(study, item, list(item.rows(study)), command_of(args, item))
        outlook.finished(item.name)
        say(f"'{study.out / item.name}.md' is written")
    if args.item == ALL:
        say(f"'{write_all(study, items)}' has all of it")
    return 0


def _tell(outlook: Outlook, folder: Path, seconds: float) -> None:
    outlook.trained(folder, seconds)
    say(f"left: {outlook}")


def open_study(args: argparse.Namespace) -> Study:
    """Make the study that the options describe.

    Raises
    ------
    UserError
        If the options contradict each other.
    """
    from weclip_training.reproduce.source import SOURCES, Budget
    from weclip_training.reproduce.study import Study

    source = SOURCES[args.dataset]
    if source.is_drawn and args.root:
        raise UserError("Scenes are drawn; --root has no meaning for them.")
    usual = source.budget
    return Study(
        source=source,
        root=args.root and args.root.resolve(),
        seeds=tuple(range(1, args.seeds + 1)),
        out=args.out.resolve(),
        budget=Budget(
            args.images or usual.images,
            args.held_out or usual.held_out,
            args.steps or usual.steps,
            args.batch or usual.batch,
        ),
        model=args.model or source.model,
        weights=args.weights,
        device=args.device,
        other=args.other,
        other_weights=args.other_weights,
    )


def chosen_items(args: argparse.Namespace) -> list[Item]:
    """List what is to be reproduced; "all" is all that the data set is made for.

    Raises
    ------
    UserError
        If an item is named that the data set is not made for.
    """
    from weclip_training.reproduce.items import ITEMS

    if args.item == ALL:
        return [item for item in ITEMS.values() if args.dataset in item.datasets]
    item = ITEMS[args.item]
    if args.dataset not in item.datasets:
        raise UserError(f"{item.name} works with --dataset {' or '.join(item.datasets)} only.")
    return [item]


def command_of(args: argparse.Namespace, item: Item) -> str:
    """Return the line that makes one item with the options given."""
    words = ["weclip-reproduce", item.name]
    for option in OPTIONS:
        value = getattr(args, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words)
