"""``weclip-napari evaluate``: score a model on a data set folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.cli.common import (
    add_model_options,
    layout,
    load_model,
    print_json,
    progress,
    report_problems,
)
from weclip_napari.console import say
from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.errors import UserError
from weclip_napari.session.dataset import CLASSES, read_classes, read_dataset
from weclip_napari.session.voc_tree import is_voc_tree, read_voc_tree

if TYPE_CHECKING:
    import argparse

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.evaluate import EvaluationReport
    from weclip_napari.session.dataset import Dataset


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("evaluate", help="score a model on a data set folder")
    parser.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="with images/, masks/, tags.csv; classes.txt or else the model names the label ids. "
        "Or a tree like PASCAL VOC's: JPEGImages/, SegmentationClass/ or SegmentationClassAug/",
    )
    parser.add_argument(
        "--classes",
        choices=("voc", "coco"),
        default="voc",
        help="whose label ids a VOC tree without classes.txt has (default: voc)",
    )
    parser.add_argument("--split", metavar="NAME", help="list or sub-folder of a VOC tree")
    parser.add_argument(
        "--crf",
        action="store_true",
        help="sharpen the decoder's masks by a dense CRF (extra: crf)",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score and print."""
    from weclip_napari.evaluate import evaluate_dataset

    model = load_model(args)
    dataset = _read(args, model)
    report = evaluate_dataset(model, dataset, partial(progress, label="scoring"), crf=args.crf)
    if args.json:
        print_json(report.to_json())
    else:
        say(miou_table({"model": report}))
        say(class_table(report))
    return report_problems(report.problems)


def _read(args: argparse.Namespace, model: WeclipModel) -> Dataset:
    """Read the data set, of either kind."""
    if not is_voc_tree(args.folder):
        if args.split:
            raise UserError(f"'{args.folder}' is not a VOC tree; --split has no meaning for it.")
        return read_dataset(args.folder, model.decoder.config.classes if model.decoder else ())
    names = (VOC_CLASSES if args.classes == "voc" else COCO_CLASSES).names
    listed = args.folder / CLASSES
    return read_voc_tree(
        args.folder, read_classes(listed) if listed.exists() else names, args.split
    )


def miou_table(reports: dict[str, EvaluationReport]) -> str:
    """Lay out the tag AUC and the mean IoU of every stage, one column for each report."""
    first = next(iter(reports.values()))
    rows = [["tag AUC", *(_cell(report.tag_auc, 3) for report in reports.values())]]
    for stage in first.miou:
        rows.append([stage, *(_cell(report.miou[stage]) for report in reports.values())])
    return layout([[f"mIoU %, {first.n_images} images", *reports], *rows])


def class_table(report: EvaluationReport) -> str:
    """Lay out the IoU of every class at every stage."""
    rows = [["IoU %", *report.miou]]
    for name, scores in report.per_class.items():
        rows.append([name, *(_cell(scores[stage]) for stage in report.miou)])
    return layout(rows)


def _cell(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
