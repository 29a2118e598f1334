"""What several commands share: options of the model, progress, JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from weclip_napari.console import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from weclip_napari.core.model import WeclipModel

T = TypeVar("T")


def print_json(data: dict[str, Any]) -> None:
    """Print JSON, the only thing that ever goes to the standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def progress(items: Iterable[T], label: str) -> Iterable[T]:
    """Iterate with a progress bar on the standard error."""
    from tqdm import tqdm

    return tqdm(items, desc=label, unit="image", file=sys.stderr)


def report_problems(problems: Sequence[str]) -> int:
    """Name every problem and return the exit code: 0 without any, else 2."""
    for problem in problems:
        say(f"error: {problem}")
    return 2 if problems else 0


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `load_model` reads."""
    parser.add_argument(
        "--model",
        default="embedded",
        metavar="NAME",
        help="'embedded' (default), an open_clip model as ARCHITECTURE/PRETRAINED, or a checkpoint",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="local file of CLIP's weights")
    parser.add_argument(
        "--download", action="store_true", help="allow fetching the weights if they are not here"
    )
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if any)"
    )


def load_model(args: argparse.Namespace) -> WeclipModel:
    """Load the model that the options name."""
    from weclip_napari.core import checkpoint

    return checkpoint.load_model(
        args.model, args.device, weights=args.weights, allow_download=args.download
    )


def layout(rows: list[list[str]]) -> str:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells))
    return "\n".join(lines) + "\n"
