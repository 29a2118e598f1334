"""``weclip-napari models``: what can be loaded by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weclip_napari.cli.common import layout, print_json
from weclip_napari.console import say

if TYPE_CHECKING:
    import argparse

    from weclip_napari.core.registry import Entry


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("models", help="list the models that --model knows")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List them, without touching the network."""
    from weclip_napari.core.registry import list_models

    entries = list_models()
    if args.json:
        print_json({"models": [_to_json(entry) for entry in entries]})
    else:
        heading = ["model", "kind", "MB", "here", "licence", "classes"]
        say(layout([heading, *map(_cells, entries)]))
    return 0


def _to_json(entry: Entry) -> dict[str, Any]:
    return {
        "model": entry.spec,
        "kind": entry.kind,
        "bytes": entry.size,
        "licence": entry.licence,
        "path": None if entry.path is None else str(entry.path),
        "classes": list(entry.classes),
    }


def _cells(entry: Entry) -> list[str]:
    here = "yes" if entry.path else "no"
    size, classes = f"{entry.size / 1e6:.0f}", str(len(entry.classes) or "-")
    return [entry.spec, entry.kind, size, here, entry.licence or "?", classes]
