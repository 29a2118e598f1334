"""The command line: ``weclip-napari COMMAND``; one module for each command.

``weclip-napari FOLDER`` is short for ``weclip-napari annotate FOLDER``.

JSON goes to the standard output, everything meant for people to the standard error. Commands
import torch only once they need it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari import __version__
from weclip_napari.cli import annotate, bench, demo, evaluate, models, propose, scenes
from weclip_napari.console import exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (annotate, propose, evaluate, scenes, models, bench, demo)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets ``run``, a function of the parsed arguments."""
    parser = argparse.ArgumentParser(
        prog="weclip-napari",
        description="Segmentation masks from typed image tags, by WeCLIP.",
        epilog="weclip-napari FOLDER opens a folder of images in the annotator.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when all went well; 2 when something was wrong with the input, which is then named on
        the standard error; 130 when interrupted.
    """
    args = build_parser().parse_args(_in_full(sys.argv[1:] if argv is None else argv))
    return exit_code(lambda: int(args.run(args)))


def _in_full(argv: Sequence[str]) -> list[str]:
    """Put the command before a folder that is named without one."""
    names = {command.__name__.rpartition(".")[2] for command in COMMANDS}
    is_short = bool(argv) and argv[0] not in names and Path(argv[0]).is_dir()
    return ["annotate", *argv] if is_short else [*argv]


if __name__ == "__main__":
    sys.exit(main())
