"""``weclip-napari models``: what can be loaded by name, and the models that were trained here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from weclip_napari.cli.common import layout, print_json
from weclip_napari.console import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from weclip_napari.core.model_store import ModelStore, StoredModel
    from weclip_napari.core.registry import Entry


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "models", help="list the models that --model knows; manage those that were trained"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(metavar="ACTION")
    for name, arguments, about in (
        ("trained", (), "list trained models, with their scores"),
        ("compare", ("NAME", "OTHER"), "put the scores of two side by side"),
        ("promote", ("NAME",), "make one the model in use"),
        ("rollback", (), "go back to the model that was in use before"),
        ("delete", ("NAME",), "delete one that is not in use"),
        ("export", ("NAME", "FILE"), "write one to a ZIP file"),
        ("import", ("FILE",), "take one over from a ZIP file or a model folder"),
    ):
        action = actions.add_parser(name, help=about)
        for argument in arguments:
            action.add_argument(argument.lower(), metavar=argument)
        action.add_argument(
            "--folder",
            type=Path,
            metavar="DIR",
            help="of the annotator, for its models; by default those of the user",
        )
        action.set_defaults(run=_run_on_store, action=_ACTIONS[name])


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


def _run_on_store(args: argparse.Namespace) -> int:
    from weclip_napari.core.folders import checkpoints_folder
    from weclip_napari.core.model_store import ModelStore
    from weclip_napari.session.folder_models import models_folder

    folder = models_folder(args.folder) if args.folder else checkpoints_folder()
    args.action(ModelStore(folder), args)
    return 0


def _trained(store: ModelStore, args: argparse.Namespace) -> None:
    rows = [["model", "in use", "made", "from", "classes", "mean IoU %"]]
    rows += [_row(model) for model in store.models()]
    say(layout(rows) if len(rows) > 1 else f"no models in '{store.folder}' yet")


def _compare(store: ModelStore, args: argparse.Namespace) -> None:
    from weclip_napari.core.model_store import compare

    one, other = store.model(args.name), store.model(args.other)
    rows = [[name, _number(a), _number(b)] for name, a, b in compare(one.scores, other.scores)]
    say(layout([["IoU %", one.name, other.name], *rows]))


def _promote(store: ModelStore, args: argparse.Namespace) -> None:
    say(f"'{store.promote(args.name).name}' is in use now")


def _roll_back(store: ModelStore, args: argparse.Namespace) -> None:
    model = store.roll_back()
    say(f"'{model.name}' is in use again" if model else "no trained model is in use any more")


def _delete(store: ModelStore, args: argparse.Namespace) -> None:
    store.delete(args.name)
    say(f"deleted '{args.name}'")


def _export(store: ModelStore, args: argparse.Namespace) -> None:
    say(f"wrote {store.export(args.name, Path(args.file))}")


def _import(store: ModelStore, args: argparse.Namespace) -> None:
    say(f"took over '{store.import_model(Path(args.file)).name}'")


_ACTIONS: dict[str, Callable[[ModelStore, argparse.Namespace], None]] = {
    "trained": _trained,
    "compare": _compare,
    "promote": _promote,
    "rollback": _roll_back,
    "delete": _delete,
    "export": _export,
    "import": _import,
}


def _row(model: StoredModel) -> list[str]:
    known = [score for score in model.scores.values() if score is not None]
    mean = _number(sum(known) / len(known) if known else None)
    used = "yes" if model.is_current else ""
    return [model.name, used, model.created, model.parent, str(len(model.classes)), mean]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


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
