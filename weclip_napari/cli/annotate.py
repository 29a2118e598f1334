"""``weclip-napari annotate FOLDER``, or just ``weclip-napari FOLDER``: the annotator in napari."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError

if TYPE_CHECKING:
    import argparse

QT_BINDINGS = "pip install 'weclip-napari[all]'"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("annotate", help="open napari with the annotator")
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="of images")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="'embedded', an open_clip model as ARCHITECTURE/PRETRAINED, or a checkpoint "
        "(default: as in napari's preferences)",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="local file of CLIP's weights")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Open a window on the folder and wait until it is closed."""
    if args.folder is not None and not args.folder.is_dir():
        raise UserError(f"'{args.folder}' is no folder; check the name.")
    require_window()
    from weclip_napari.gui.launch import open_annotator

    open_annotator(args.folder, args.model, args.weights, args.device)
    return 0


def require_window() -> None:
    """Make sure that windows can be opened here.

    Raises
    ------
    UserError
        Without a screen or without Qt, with the remedy.
    """
    is_shown = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")))
    if sys.platform.startswith("linux") and not is_shown:
        raise UserError(
            "There is no screen for a window (DISPLAY is not set). Run it in a desktop session, "
            "through 'ssh -X', or on a virtual screen: xvfb-run -a weclip-napari …"
        )
    try:
        import weclip_napari.gui.launch  # noqa: F401
    except ImportError as error:
        raise UserError(f"napari cannot open a window ({error}). Try: {QT_BINDINGS}") from error
