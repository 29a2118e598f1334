"""``weclip-train``: train a decoder from tags or from masks, or go on with a run."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.console import at_least, exit_code, positive, say
from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.errors import UserError, naming
from weclip_training.config import (
    RETRAIN_STEPS,
    DataConfig,
    FitConfig,
    TrainConfig,
    ViewConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from weclip_training.engine import TrainStep

PUBLISHED_CROP = 320
PUBLISHED_SCALES = (0.5, 2.0)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; each command sets ``configure``, which makes the run's settings."""
    parser = argparse.ArgumentParser(
        prog="weclip-train",
        description="Train WeCLIP's decoder. A run that was broken off goes on where it stood.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for supervision, about in (
        ("weak", "from image tags alone"),
        ("full", "from the masks (supplement, section 3)"),
    ):
        command = commands.add_parser(supervision, help=f"train {about}")
        command.set_defaults(configure=configure, supervision=supervision)
        _add_data(command)
        _add_model(command)
        _add_fit(command)
        _add_scoring(command)
    _add_retrain(commands)
    again = commands.add_parser("resume", help="go on with a run, or start it from a config.json")
    again.add_argument("run", type=Path, help="folder of the run")
    again.set_defaults(configure=_configured)
    for command in commands.choices.values():
        command.add_argument(
            "--events", action="store_true", help="print every step as a line of JSON"
        )
    return parser


def _add_retrain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "retrain", help="go on with a model from what was corrected and tagged in the annotator"
    )
    parser.add_argument("data", help="a folder of the annotator")
    parser.add_argument("--run", help="folder of the run; by default a new one beside the images")
    parser.add_argument("--reviewed-only", action="store_true", help="leave tagged images out")
    parser.add_argument("--model", default="embedded", help="what to go on with")
    parser.add_argument("--weights", metavar="FILE", help="the backbone's weights")
    parser.add_argument("--device", metavar="NAME", help="default: a GPU if any")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=at_least(1), help=f"of the optimiser (default: {RETRAIN_STEPS})"
    )
    length.add_argument(
        "--minutes",
        type=positive,
        metavar="M",
        help="as many steps as fit, measured on the images",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(configure=_configure_retraining)


def _configure_retraining(args: argparse.Namespace) -> TrainConfig:
    from weclip_training.retrain import retrain_config

    configured = partial(
        retrain_config,
        args.data,
        args.run or _new_run(args.data, args.device),
        model=args.model,
        weights=args.weights,
        device=args.device,
        selection="reviewed" if args.reviewed_only else "all",
        seed=args.seed,
    )
    if args.minutes is None:
        return configured(steps=args.steps or RETRAIN_STEPS)
    return configured(steps=_measured_steps(configured(steps=RETRAIN_STEPS), args.minutes))


def _new_run(folder: str, device: str | None) -> str:
    """Name a run folder after the present moment, of which each process would have its own."""
    from accelerate.utils import broadcast_object_list

    from weclip_training.engine import processes
    from weclip_training.retrain import new_run

    names, _ = [str(new_run(folder))], processes(device)
    broadcast_object_list(names)
    return names[0]


def _measured_steps(config: TrainConfig, minutes: float) -> int:
    from weclip_training.budget import steps_within
    from weclip_training.engine import processes

    if processes(config.device).num_processes > 1:
        raise UserError("Several processes would measure different times; give --steps instead.")
    steps = steps_within(config, minutes)
    say(f"{steps} steps fit into about {minutes:g} min")
    return steps


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", help="a data set folder, or a tree like PASCAL VOC's")
    parser.add_argument("--run", required=True, help="folder of the run, made if needed")
    parser.add_argument("--split", help="of the tree, to train on")
    parser.add_argument("--held-out", metavar="DIR", help="where images to score on lie")
    parser.add_argument("--held-out-split", metavar="NAME", help="of that tree, or of the same one")
    parser.add_argument(
        "--classes",
        choices=("voc", "coco"),
        default="voc",
        help="ids of a tree without classes.txt",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="embedded", help="whose backbone (default: embedded)")
    parser.add_argument("--weights", metavar="FILE", help="the backbone's weights")
    parser.add_argument("--device", metavar="NAME", help="default: a GPU if any")
    parser.add_argument("--first-layer", type=at_least(1), metavar="N0", help="first block read")
    parser.add_argument(
        "--crop",
        type=at_least(32),
        metavar="PX",
        help=f"random crops of this side, encoded anew each time (published: {PUBLISHED_CROP}); "
        "by default whole images, encoded once",
    )


def _add_fit(parser: argparse.ArgumentParser) -> None:
    defaults = FitConfig()
    parser.add_argument("--steps", type=at_least(1), default=defaults.steps)
    parser.add_argument("--batch", type=at_least(1), default=defaults.batch)
    parser.add_argument("--accumulate", type=at_least(1), default=defaults.accumulate)
    parser.add_argument("--rate", type=positive, default=defaults.rate)
    parser.add_argument("--affinity-weight", type=float, default=defaults.affinity_weight)
    parser.add_argument(
        "--affinity-target",
        choices=("label", "prediction", "both"),
        default=defaults.affinity_target,
    )
    parser.add_argument("--switch-step", type=int, help="pseudo labels use A_f from here on")
    parser.add_argument("--ignore-margin", type=float, default=defaults.ignore_margin)
    parser.add_argument("--precision", choices=("no", "fp16", "bf16"), default=defaults.precision)
    parser.add_argument("--seed", type=int, default=defaults.seed)


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint-every", type=int, default=500, metavar="STEPS")
    parser.add_argument("--evaluate-every", type=int, default=0, metavar="STEPS")
    parser.add_argument(
        "--scales", type=positive, nargs="+", metavar="S", help="test-time scales of the new model"
    )
    parser.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="whether it also sees mirror images"
    )
    parser.add_argument("--crf", action="store_true", help="score with a dense CRF (extra: crf)")


def configure(args: argparse.Namespace) -> TrainConfig:
    """Make the settings of a run from the options."""
    names = (VOC_CLASSES if args.classes == "voc" else COCO_CLASSES).names
    views = ViewConfig() if args.crop is None else ViewConfig(args.crop, PUBLISHED_SCALES)
    return TrainConfig(
        run=args.run,
        data=DataConfig(args.data, args.split, args.held_out, args.held_out_split, names),
        model=args.model,
        weights=args.weights,
        device=args.device,
        supervision=args.supervision,
        first_layer=args.first_layer,
        fit=FitConfig(
            steps=args.steps,
            batch=args.batch,
            accumulate=args.accumulate,
            switch_step=args.switch_step,
            affinity_weight=args.affinity_weight,
            affinity_target=args.affinity_target,
            ignore_margin=args.ignore_margin,
            rate=args.rate,
            precision=args.precision,
            seed=args.seed,
        ),
        views=views,
        scales=tuple(args.scales) if args.scales else None,
        flip=args.flip,
        crf=args.crf,
        checkpoint_every=args.checkpoint_every,
        evaluate_every=args.evaluate_every,
    )


def _configured(args: argparse.Namespace) -> TrainConfig:
    """Read the settings of a run from its folder."""
    from weclip_napari.session.folder_models import RUN_CONFIG

    path = args.run / RUN_CONFIG
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' cannot be read ({error}); name the folder of a run.") from error
    with naming(path):
        return replace(TrainConfig.from_json(settings), run=str(args.run))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when all went well; 2 when something was wrong with the input, which is then named on
        the standard error; 130 when interrupted.
    """
    args = build_parser().parse_args(argv)
    return exit_code(
        lambda: _train(args.configure(args), print_events=args.events),
        "stopped; the same command goes on from the last checkpoint",
    )


def _train(config: TrainConfig, *, print_events: bool) -> int:
    from weclip_training.engine import processes
    from weclip_training.recording import record
    from weclip_training.retrain import retrain
    from weclip_training.runs import train

    if not processes(config.device).is_main_process:
        for _ in train(config):  # the first process writes and speaks for all
            pass
        return 0
    events = retrain(config) if config.supervision == "mixed" else record(config, train(config))
    if print_events:
        for event in events:
            print(json.dumps(asdict(event), default=str), flush=True)
    else:
        _show(events, config.fit.steps)
        say(f"'{config.run}' is done; see report.md there")
    return 0


def _scores(event: TrainStep) -> str:
    return "  ".join(f"{name} {value:.1f}" for name, value in event.metrics.items())


def _show(events: Iterable[TrainStep], steps: int) -> None:
    from tqdm import tqdm

    with tqdm(total=steps, unit="step", file=sys.stderr) as bar:
        for event in events:
            bar.update(event.step - bar.n)
            bar.set_postfix(loss=f"{event.total:.3f}", refresh=False)
            for problem in event.problems:
                say(f"note: {problem}")
            if event.metrics:
                say(f"step {event.step}, held-out mIoU %: {_scores(event)}")
