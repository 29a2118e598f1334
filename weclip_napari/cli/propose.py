"""``weclip-napari propose``: masks for a folder of images from their tags."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weclip_napari.cli.common import (
    add_model_options,
    load_model,
    progress,
    report_problems,
)
from weclip_napari.cli.proposal_folder import ProposalFolder
from weclip_napari.console import positive, say
from weclip_napari.errors import UserError
from weclip_napari.session.dataset import CLASSES, images_folder, match_tags, read_classes
from weclip_napari.session.images import list_images, read_image
from weclip_napari.session.tags import read_tags, unique

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.core.proposal import Proposal


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("propose", help="propose masks for a folder of images")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="images, also in sub-folders")
    tags = parser.add_mutually_exclusive_group()
    tags.add_argument("--tags", type=Path, metavar="FILE", help="CSV file with columns image,tags")
    tags.add_argument("--tag", nargs="+", metavar="NAME", help="tags that every image has")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    parser.add_argument("--overwrite", action="store_true", help="redo images that have a mask")
    parser.add_argument(
        "--branch",
        choices=("auto", "cam", "decoder"),
        default="auto",
        help="where masks come from (auto: the decoder for classes it knows, else the CAM)",
    )
    parser.add_argument("--scales", type=positive, nargs="+", metavar="S", help="such as 0.75 1.0")
    parser.add_argument("--flip", action="store_true", default=None, help="see images mirrored too")
    parser.add_argument("--crf", action="store_true", help="sharpen by a dense CRF (extra: crf)")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Propose masks, going on past images that fail."""
    source = images_folder(args.folder)
    _check_output(args.out, {args.folder, source})
    images = list_images(source, skip=[args.out])
    tags, problems = _tags_of_images(args, source, images)
    folder = ProposalFolder(args.out, source, images)
    todo = [image for image in tags if args.overwrite or not folder.is_done(image)]
    if todo:
        problems += _propose_all(args, folder, {image: tags[image] for image in todo})
    say(f"{len(todo)} images tried, {len(tags) - len(todo)} done before; results in {args.out}")
    return report_problems(problems)


def _check_output(out: Path, taken: set[Path]) -> None:
    if os.path.realpath(out) in {os.path.realpath(path) for path in taken}:
        raise UserError(f"'{out}' holds the images themselves; name another folder by --out.")


def _known_classes(folder: Path) -> Sequence[str]:
    path = folder / CLASSES
    return read_classes(path) if path.is_file() else ()


def _tags_of_images(
    args: argparse.Namespace, source: Path, images: Sequence[Path]
) -> tuple[dict[Path, tuple[str, ...]], list[str]]:
    """Return the tags of every image that has some, and what is wrong with the others."""
    if args.tags is None:
        tags = unique(tag.strip() for tag in args.tag or ())
        if not tags:
            raise UserError("no tags: name some by --tag NAME... or a file of them by --tags FILE.")
        return dict.fromkeys(images, tags), []
    path = args.tags if args.tags.exists() else _beside(args.folder, args.tags)
    found, missing = match_tags(images, source, read_tags(path))
    problems = [f"{path} names '{name}', which is not in {source}." for name in missing]
    problems += [
        f"{image} has no tags; add a line for it to {path}."
        for image in images
        if not found.get(image)
    ]
    return {image: found[image] for image in images if found.get(image)}, problems


def _beside(folder: Path, name: Path) -> Path:
    """Return a relative name as one in the image folder, if there is such a file."""
    return folder / name if (folder / name).exists() else name


def _propose_all(
    args: argparse.Namespace, folder: ProposalFolder, tags: dict[Path, tuple[str, ...]]
) -> list[str]:
    """Propose and write; return a message for every image that failed."""
    model = load_model(args)
    every_tag = [tag for some in tags.values() for tag in some]
    _check_branch(model, every_tag, args.branch)
    folder.set_classes(_known_classes(args.folder), every_tag)
    options: dict[str, Any] = {"branch": args.branch, "crf": args.crf}
    options |= {"scales": args.scales and tuple(args.scales), "flip": args.flip}
    problems: list[str] = []
    told: set[str] = set()
    for image, pixels, proposal in proposals(model, tags, problems, **options):
        folder.write(image, pixels, proposal, model.name)
        _tell_new(image, proposal.notes, told)
    return problems


def _check_branch(model: WeclipModel, tags: Sequence[str], branch: str) -> None:
    """Refuse tags that the decoder does not know before any image is encoded for it."""
    from weclip_napari.core.encoded_image import require_known

    if branch == "decoder":
        require_known(model, tags)


def proposals(
    model: WeclipModel, tags: dict[Path, tuple[str, ...]], problems: list[str], **options: Any
) -> Iterator[tuple[Path, NDArray[np.uint8], Proposal]]:
    """Yield path, pixels and proposal of every image, with a progress bar.

    Parameters
    ----------
    model
        What proposes.
    tags
        From image to its tags.
    problems
        Grows by a message for every image that fails; the others are yielded all the same.
    options
        For `Predictor.propose`.
    """
    from weclip_napari.core.predictor import Predictor

    predictor = Predictor(model)
    for image in progress(list(tags), "proposing"):
        try:
            pixels = read_image(image)
            predictor.set_image(pixels)
            proposal = predictor.propose(tags[image], **options)
        except UserError as error:
            problems.append(str(error) if str(image) in str(error) else f"{image}: {error}")
        else:
            yield image, pixels, proposal


def _tell_new(image: Path, notes: Sequence[str], told: set[str]) -> None:
    """Print each different note once, with the first image that it is about."""
    for note in notes:
        if note not in told:
            told.add(note)
            say(f"{image}: {note}")
