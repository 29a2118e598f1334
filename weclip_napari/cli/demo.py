"""``weclip-napari demo``: masks from tags on drawn scenes that training never saw."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.cli.common import (
    add_model_options,
    load_model,
    progress,
    report_problems,
)
from weclip_napari.cli.evaluate import class_table, miou_table
from weclip_napari.cli.proposal_folder import ProposalFolder
from weclip_napari.cli.propose import proposals
from weclip_napari.console import at_least, say
from weclip_napari.pictures.contact_sheet import contact_sheet
from weclip_napari.pictures.overlays import cam_overlay, mask_overlay
from weclip_napari.session.dataset import IMAGES, Dataset, read_dataset
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import read_mask

if TYPE_CHECKING:
    import argparse

    from weclip_napari.core.model import WeclipModel

SHOWN = 12
"""Scenes whose proposals are written and shown."""
HEADINGS = ("image", "CAM", "refined CAM", "proposal", "truth")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="propose masks for drawn scenes and score them")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), metavar="DIR")
    parser.add_argument(
        "--count", type=at_least(1), default=200, metavar="N", help="scenes to score"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw, propose, score, and open napari where there is a screen."""
    dataset = _draw(args.out / "scenes", args.count)
    model = load_model(args)
    problems = _propose(model, dataset, args.out)
    _score(model, dataset)
    say(f"images, masks and overlays: {args.out}")
    if _has_screen():
        _open_napari(dataset.folder, args)
    return report_problems(problems)


def _draw(folder: Path, count: int) -> Dataset:
    from weclip_napari.scenes import HELD_OUT_SEED, write_scenes

    write_scenes(folder, count, HELD_OUT_SEED, progress=partial(progress, label="drawing"))
    return read_dataset(folder)


def _propose(model: WeclipModel, dataset: Dataset, out: Path) -> list[str]:
    """Write proposals as ``weclip-napari propose`` does, and a sheet that shows them."""
    examples = {example.image: example for example in dataset.examples[:SHOWN]}
    folder = ProposalFolder(out / "proposals", dataset.folder / IMAGES, list(examples))
    folder.set_classes(dataset.classes, ())
    problems: list[str] = []
    rows = []
    tags = {image: example.tags for image, example in examples.items()}
    for image, pixels, proposal in proposals(model, tags, problems):
        folder.write(image, pixels, proposal, model.name)
        views = [
            pixels,
            cam_overlay(pixels, proposal.cam[0]),
            cam_overlay(pixels, proposal.refined_cam[0]),
            mask_overlay(pixels, folder.relabel(proposal)),
            mask_overlay(pixels, read_mask(examples[image].mask)),
        ]
        rows.append((f"tags: {', '.join(proposal.tags)}; CAMs of {proposal.tags[0]}", views))
    if rows:
        write_image(out / "contact-sheet.png", contact_sheet(HEADINGS, rows))
    return problems


def _score(model: WeclipModel, dataset: Dataset) -> None:
    """Print the scores beside those of a model of the same size with random weights."""
    from weclip_napari.core.untrained import untrained_twin
    from weclip_napari.evaluate import evaluate_dataset

    reports = {
        name: evaluate_dataset(candidate, dataset, partial(progress, label=f"scoring, {name}"))
        for name, candidate in (("trained", model), ("untrained", untrained_twin(model)))
    }
    say("\n" + miou_table(reports))
    say(class_table(reports["trained"]))


def _has_screen() -> bool:
    """Whether a window would reach a person."""
    if "CI" in os.environ or not sys.stdin.isatty():
        return False
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def _open_napari(folder: Path, args: argparse.Namespace) -> None:
    from weclip_napari.gui.launch import open_annotator

    say("opening napari; close its window to end")
    open_annotator(folder, args.model, args.weights, args.device)
