"""``weclip-napari scenes``: draw a data set of scenes with masks and tags."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.cli.common import progress
from weclip_napari.console import at_least, say

if TYPE_CHECKING:
    import argparse

SMALLEST_SIDE = 32


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("scenes", help="draw scenes with masks and tags")
    parser.add_argument("folder", type=Path, metavar="DIR", help="data set folder to write")
    parser.add_argument("--count", type=at_least(1), default=20, metavar="N")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S")
    parser.add_argument(
        "--size",
        type=at_least(SMALLEST_SIDE),
        default=192,
        metavar="PIXELS",
        help="side of the images",
    )
    parser.add_argument(
        "--domain",
        choices=("drawn", "shifted"),
        default="drawn",
        help="what the embedded model knows, or other backgrounds and hearts (default: drawn)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the scenes."""
    from weclip_napari.scenes import DOMAINS, write_scenes

    write_scenes(
        args.folder,
        args.count,
        args.seed,
        args.size,
        domain=DOMAINS[args.domain],
        progress=partial(progress, label="drawing"),
    )
    say(f"{args.count} scenes in {args.folder}")
    return 0
