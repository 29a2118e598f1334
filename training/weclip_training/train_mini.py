"""Train the embedded model's decoder on drawn scenes, from their tags alone.

``python -m weclip_training.train_mini --clip DIR --out DIR`` takes the weights that
``weclip_training.pretrain_mini`` wrote and writes a whole model folder: configuration, CLIP,
decoder, model card. Masks of training scenes are read to choose the two
thresholds at which a single CAM is shown and scored; :func:`mini_config` was settled with them
too. The card's figures are of held-out scenes.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.cam import normalise
from weclip_napari.core.config import AffinityConfig, DecoderConfig, WeclipConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.device import pick_device
from weclip_napari.core.metrics import confusion_matrix, mean_iou
from weclip_napari.core.mini import create_mini_clip, mini_model_config, mini_tokenizer
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.postprocess import resize
from weclip_napari.core.storage import CLIP, save_model
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.scenes import CLASSES, HELD_OUT_SEED, Scene, SceneGenerator, write_scenes
from weclip_napari.session.dataset import read_dataset
from weclip_training.config import FitConfig
from weclip_training.engine import fit
from weclip_training.pretrain_mini import PIXEL_MEAN, PIXEL_STD
from weclip_training.view_sources import GivenViews
from weclip_training.views import View, ViewBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = logging.getLogger(__name__)

SCENE_SEED = 4_000_000
"""Seed of the decoder's training scenes; pre-training and evaluation draw from others."""

THRESHOLDS = np.round(np.arange(0.10, 0.86, 0.05), 2)


def mini_config() -> WeclipConfig:
    """Return how the embedded CLIP is used, as chosen on training scenes.

    Its late attention maps are too global to refine a CAM, so the first three do.
    """
    return WeclipConfig(
        backbone="weclip-mini",
        pretrained="drawn scenes",
        pixel_mean=PIXEL_MEAN,
        pixel_std=PIXEL_STD,
        input_long_side=160,
        affinity=AffinityConfig(variant="mean", layers=(1, 2, 3), squared=False),
        antialias=True,
        par_fine_guide=True,
        par_long_side=256,
        scales=(0.75, 1.0),
        flip=True,
    )


def mini_decoder_config(backbone: FrozenClip) -> DecoderConfig:
    """Return the shape of the embedded decoder; as published it reads blocks 1 to L - 1."""
    return DecoderConfig(
        classes=CLASSES, in_width=backbone.width, taps=(1, backbone.depth - 1), width=128
    )


def draw_views(
    scenes: Iterable[Scene], builder: ViewBuilder, config: FitConfig, *, flip: bool
) -> list[View]:
    """Encode scenes, and their mirror images if the run flips; settle what may be settled."""
    views = []
    for scene in scenes:
        images = [scene.image]
        if flip:
            images.append(np.ascontiguousarray(scene.image[:, ::-1]))
        for image in images:
            view = builder.build(image, scene.tags)
            is_final = config.switch_step is None
            views.append(builder.settle(view, config.ignore_margin) if is_final else view)
    return views


def choose_thresholds(scenes: Sequence[Scene], builder: ViewBuilder) -> tuple[float, float]:
    """Return the thresholds with the best mIoU of CAM and refined CAM on training scenes."""
    matrices = np.zeros((2, len(THRESHOLDS), len(CLASSES) + 1, len(CLASSES) + 1), np.int64)
    for scene in scenes:
        view = builder.build(scene.image, scene.tags)
        if not len(view.ids):
            continue
        for stage, cams in enumerate((view.cams, normalise(builder.refined(view)))):
            best, label = resize(cams[None], scene.mask.shape)[0].max(dim=0)
            for i, threshold in enumerate(THRESHOLDS):
                shown = torch.where(best > threshold, view.ids[label], 0).numpy()
                matrices[stage, i] += confusion_matrix(scene.mask, shown, len(CLASSES) + 1)
    cam, refined_cam = ([mean_iou(m) for m in stage] for stage in matrices)
    return float(THRESHOLDS[np.argmax(cam)]), float(THRESHOLDS[np.argmax(refined_cam)])


def train_mini(clip_folder: Path, out: Path, scenes: int, config: FitConfig) -> None:
    """Train the decoder and write the whole model to ``out``."""
    began = time.monotonic()
    backbone = FrozenClip(
        create_mini_clip(clip_folder / CLIP), mini_tokenizer(), mini_config(), pick_device("cpu")
    )
    torch.manual_seed(config.seed)
    decoder = WeclipDecoder(mini_decoder_config(backbone))
    builder = ViewBuilder(backbone, decoder.config, {})
    generator = SceneGenerator(SCENE_SEED)
    drawn = [generator.scene() for _ in range(scenes)]
    views = draw_views(drawn, builder, config, flip=True)
    log.info("%d views of %d scenes", len(views), scenes)
    for event in fit(decoder, GivenViews(views), builder, config):
        if event.step % 50 == 0:
            log.info(
                "step %d of %d  segmentation %.3f  affinity %.3f  %.1f images/s",
                event.step,
                event.steps,
                event.segmentation,
                event.affinity,
                event.images_per_second,
            )
    cam, refined = choose_thresholds(drawn[:200], builder)
    final = replace(backbone.config, cam_threshold=cam, refined_cam_threshold=refined)
    card = _card(clip_folder, scenes, config, (time.monotonic() - began) / 60)
    model = WeclipModel(backbone, decoder, final, "embedded", mini_model_config(), card)
    card["figures"] = _figures(model)
    save_model(out, model)


def _card(clip_folder: Path, scenes: int, config: FitConfig, minutes: float) -> dict[str, Any]:
    pretraining = json.loads((clip_folder / "pretrain.json").read_text(encoding="utf-8"))
    return {
        "knows": f"drawn scenes only, with these classes: {', '.join(CLASSES)}",
        "pretraining": pretraining,
        "decoder": {
            "labels": "tags of drawn scenes, no masks",
            "scenes": scenes,
            "scene_seed": SCENE_SEED,
            "minutes": round(minutes, 1),
            "config": asdict(config),
        },
        "thresholds": "best mIoU on 200 training scenes",
        "settings": "input size, refining maps and test-time scales: by mIoU on training scenes",
    }


def _figures(model: WeclipModel, scenes: int = 200) -> dict[str, Any]:
    """Score the model on held-out scenes; mIoU in percent, background included."""
    with tempfile.TemporaryDirectory() as folder:
        write_scenes(folder, scenes, HELD_OUT_SEED)
        report = evaluate_dataset(model, read_dataset(folder))
    return {
        "held-out scenes": f"{scenes} of seed {HELD_OUT_SEED}",
        "tag_auc": report.tag_auc,
        "miou": report.miou,
        "per_class": report.per_class,
    }


def main() -> None:
    """Command line entry point."""
    parser = argparse.ArgumentParser(description="Train the embedded model's decoder.")
    parser.add_argument("--clip", type=Path, required=True, help="folder of the pre-training")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--scenes", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=1300)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = FitConfig(steps=arguments.steps, batch=8, ignore_margin=0.1)
    train_mini(arguments.clip, arguments.out, arguments.scenes, config)


if __name__ == "__main__":
    main()
