"""``weclip-napari bench``: measure this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_napari.cli.annotate import require_window
from weclip_napari.cli.common import print_json
from weclip_napari.console import say

if TYPE_CHECKING:
    import argparse

EMBEDDED_SIZE = (512, 512)
"""Of the images, (H, W), on which the embedded model is timed beside ViT-B/16."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("bench", help="measure speed and memory on this machine")
    subjects = parser.add_subparsers(metavar="SUBJECT", required=True)
    propose = subjects.add_parser(
        "propose", help="a proposal against one bare encoding by CLIP ViT-B/16 (random weights)"
    )
    propose.add_argument("--json", action="store_true", help="print the figures as JSON")
    propose.set_defaults(run=run_propose)
    gui = subjects.add_parser("gui", help="the annotator in a real window, with the embedded model")
    gui.add_argument("--json", action="store_true", help="print the figures as JSON")
    gui.set_defaults(run=run_gui)
    train = subjects.add_parser("train", help="training with and without kept features; retraining")
    train.add_argument("--json", action="store_true", help="print the figures as JSON")
    train.set_defaults(run=run_train)


def run_propose(args: argparse.Namespace) -> int:
    """Time proposals."""
    from weclip_napari.bench import bench_propose
    from weclip_napari.core.checkpoint import load_model

    figures = bench_propose()
    embedded = bench_propose(load_model("embedded", "cpu"), size=EMBEDDED_SIZE)
    figures["embedded_cold_ms"] = embedded["cold_ms"]
    if args.json:
        print_json(figures)
    else:
        say("the prompts are encoded beforehand; their encoding is in none of the times")
        say("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


def run_gui(args: argparse.Namespace) -> int:
    """Measure how the annotator feels."""
    require_window()
    from weclip_napari.gui.bench import WHAT, bench_gui

    figures = bench_gui(say)
    if args.json:
        print_json(figures)
    else:
        say("\n".join(f"{name}: {value}  ({WHAT[name]})" for name, value in figures.items()))
    return 0


def run_train(args: argparse.Namespace) -> int:
    """Time training."""
    from weclip_training.bench import bench_train

    figures = bench_train()
    if args.json:
        print_json(figures)
    else:
        say("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0
