"""Pre-train the embedded CLIP on drawn scenes, from image-level captions only.

``python -m weclip_training.pretrain_mini --minutes 72 --out DIR`` draws the scenes, trains
the text tower alone (under a minute), freezes it, then trains the image tower: close-ups of
single objects first, full scenes and larger sizes later. No mask is read. On CPUs set
``OMP_WAIT_POLICY=passive``.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from weclip_napari.core.mini import create_mini_clip, mini_tokenizer
from weclip_napari.core.storage import CLIP, write_tensors
from weclip_training.mini.objectives import (
    FOREGROUND,
    concept_log_probabilities,
    pooled_loss,
    token_loss,
)
from weclip_training.mini.pool import WORD_CONCEPT, Pool, render_pool
from weclip_training.mini.text import train_text_tower, word_codes, word_embeddings
from weclip_training.mini.tower import forward_tower, start_tower

if TYPE_CHECKING:
    from collections.abc import Iterator

    import open_clip
    from torch import Tensor

log = logging.getLogger(__name__)

PIXEL_MEAN = (122.7709383, 116.7460125, 104.09373615)
PIXEL_STD = (68.5005327, 66.6321579, 70.32316305)


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides a pre-training run.

    Attributes
    ----------
    minutes : float
        Training time of the image tower; the schedule is spread over it.
    seed : int
        Seed of the scenes, the weights and the sampling.
    scenes, close_ups : int
        How many of each are rendered once and drawn from.
    batch : int
        Images per step of scenes at 96 pixels; close-ups take twice as many.
    learning_rate : float
        Peak rate of AdamW; constant for a quarter of the time, then cosine.
    text_steps : int
        Steps of the text tower's training before.
    """

    minutes: float = 72.0
    seed: int = 0
    scenes: int = 12000
    close_ups: int = 24000
    batch: int = 32
    learning_rate: float = 1e-3
    text_steps: int = 250

    def __post_init__(self) -> None:
        """Refuse a run without a single step."""
        if self.minutes <= 0:
            raise ValueError(f"minutes must be positive, not {self.minutes}")


@dataclass(frozen=True)
class Progress:
    """What a training step reports: share of the time spent, counts, losses, seconds."""

    fraction: float
    step: int
    samples: int
    pooled: float
    tokens: float
    values: float
    seconds: float


@dataclass(frozen=True)
class Phase:
    """How samples are drawn at a given share of the training time."""

    close_up_share: float
    sizes: tuple[int, ...]
    close_up_size: int


PHASES: tuple[tuple[float, Phase], ...] = (
    (0.30, Phase(0.8, (96,), 64)),
    (0.70, Phase(0.35, (96, 128), 64)),
    (1.01, Phase(0.15, (128, 160, 192), 96)),
)


def current_phase(fraction: float) -> Phase:
    """Return the phase of the curriculum at ``fraction`` of the training time, in [0, 1]."""
    return next(phase for end, phase in PHASES if fraction < end)


class Pretraining:
    """The image tower's training loop; iterate over :meth:`steps`."""

    def __init__(self, config: PretrainConfig, clip: open_clip.CLIP, embeddings: Tensor) -> None:
        self.config = config
        self.clip = clip
        self.embeddings = embeddings
        self.rng = np.random.default_rng(config.seed)
        self.scenes = render_pool(1_000_000 + 1000 * config.seed, config.scenes, 192)
        self.close_ups = render_pool(
            2_000_000 + 1000 * config.seed, config.close_ups, 96, close_up=True
        )
        self.optimizer = torch.optim.AdamW(
            self._parameter_groups(), lr=config.learning_rate, betas=(0.9, 0.98), fused=True
        )
        self._word_weight = torch.ones(len(WORD_CONCEPT))
        self._word_weight[FOREGROUND:] = 0.35

    def _parameter_groups(self) -> list[dict[str, object]]:
        named = [(n, p) for n, p in self.clip.named_parameters() if p.requires_grad]
        decayed = [p for n, p in named if p.ndim >= 2 and "embedding" not in n]
        others = [p for n, p in named if not (p.ndim >= 2 and "embedding" not in n)]
        return [
            {"params": decayed, "weight_decay": 0.05},
            {"params": others, "weight_decay": 0.0},
        ]

    def start(self) -> None:
        """Give the tower its structured start, from the patches of 200 scenes."""
        generator = torch.Generator().manual_seed(self.config.seed)
        chosen = np.arange(min(200, len(self.scenes)))
        start_tower(self.clip.visual, self._pixels(self.scenes, chosen, 128), generator)

    def steps(self) -> Iterator[Progress]:
        """Train until the time is over; yield after every step.

        A step counts for at most two seconds, so that a paused process does not lose its
        schedule.
        """
        spent, step, samples = 0.0, 0, 0
        total = self.config.minutes * 60
        while spent < total:
            began = time.monotonic()
            fraction = spent / total
            self._set_rate(fraction, step)
            count, losses = self._step(fraction)
            spent += min(time.monotonic() - began, 2.0)
            step, samples = step + 1, samples + count
            yield Progress(spent / total, step, samples, *losses, spent)

    def _set_rate(self, fraction: float, step: int) -> None:
        cosine = 0.5 * (1 + math.cos(math.pi * max(0.0, fraction - 0.25) / 0.75))
        rate = self.config.learning_rate * min(1.0, (step + 1) / 150) * (0.02 + 0.98 * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _step(self, fraction: float) -> tuple[int, tuple[float, float, float]]:
        phase = current_phase(fraction)
        close = bool(self.rng.random() < phase.close_up_share)
        size = phase.close_up_size if close else int(self.rng.choice(phase.sizes))
        # keep the tokens of a step, and with them its time, about constant
        batch = max(12, round(self.config.batch * (96 / size) ** 2))
        pool = self.close_ups if close else self.scenes
        chosen = self.rng.integers(len(pool), size=batch)
        pixels = self._augment(self._pixels(pool, chosen, size))
        present = torch.from_numpy(pool.concepts[chosen])
        losses = self._losses(pixels, present, 0.2 if close else 0.08)
        self.optimizer.zero_grad()
        sum(losses).backward()  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_(self.clip.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.clip.logit_scale.clamp_(0, math.log(100))
        pooled, tokens, values = (float(loss.detach()) for loss in losses)
        return batch, (pooled, tokens, values)

    def _losses(self, pixels: Tensor, present: Tensor, share: float) -> tuple[Tensor, ...]:
        visual = self.clip.visual
        with torch.autocast("cpu", torch.bfloat16):
            tokens, values = forward_tower(visual, pixels)
        tokens, values = tokens.float(), values.float()
        template = self.rng.integers(len(self.embeddings), size=len(WORD_CONCEPT))
        words = self.embeddings[torch.from_numpy(template), torch.arange(len(WORD_CONCEPT))]
        scale = self.clip.logit_scale.exp()
        pooled = F.normalize(tokens.mean(1) @ visual.proj, dim=-1)
        positive = present[:, torch.from_numpy(WORD_CONCEPT)]
        return (
            pooled_loss(scale * pooled @ words.T, positive, self._word_weight),
            token_loss(
                concept_log_probabilities(tokens @ visual.proj, words, scale), present, share
            ),
            token_loss(
                concept_log_probabilities(values @ visual.proj, words, scale), present, share
            ),
        )

    def _pixels(self, pool: Pool, chosen: np.ndarray, size: int) -> Tensor:
        x = torch.from_numpy(pool.images[chosen]).permute(0, 3, 1, 2).float()
        if x.shape[-1] != size:
            x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (PIXEL_MEAN, PIXEL_STD))
        return (x - mean) / std

    def _augment(self, pixels: Tensor) -> Tensor:
        """Flip half of the images and change brightness and contrast a little."""
        count = len(pixels)
        flipped = torch.from_numpy(self.rng.random(count) < 0.5)
        pixels[flipped] = pixels[flipped].flip(3)
        gain = torch.from_numpy(self.rng.uniform(0.85, 1.15, (count, 3, 1, 1)).astype(np.float32))
        lift = torch.from_numpy(self.rng.uniform(-0.2, 0.2, (count, 1, 1, 1)).astype(np.float32))
        return pixels * gain + lift


def pretrain(config: PretrainConfig, out: Path) -> None:
    """Run the whole pre-training and write ``clip.safetensors`` and ``pretrain.json``."""
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    clip = create_mini_clip()
    tokenizer = mini_tokenizer()
    codes = word_codes(clip.text_projection.shape[1], torch.Generator().manual_seed(config.seed))
    cosine = train_text_tower(clip, tokenizer, codes, steps=config.text_steps, seed=config.seed)
    log.info("text tower: cosine of prompts to their codes %.3f", cosine)
    training = Pretraining(config, clip, word_embeddings(clip, tokenizer))
    training.start()
    log.info("%d scenes and %d close-ups drawn", len(training.scenes), len(training.close_ups))
    mean = np.zeros(3)
    for progress in training.steps():
        latest = np.array([progress.pooled, progress.tokens, progress.values])
        mean = latest if progress.step == 1 else 0.98 * mean + 0.02 * latest
        if progress.step % 50 == 0:
            log.info(
                "%5.1f min  step %d  samples %d  pooled %.3f  tokens %.3f  values %.3f  scale %.1f",
                progress.seconds / 60,
                progress.step,
                progress.samples,
                *mean,
                float(clip.logit_scale.detach().exp()),
            )
        if progress.step % 500 == 0:
            write_tensors(out / CLIP, clip.state_dict(), None, half=True)
    write_tensors(out / CLIP, clip.state_dict(), None, half=True)
    record = {"config": asdict(config), "last": asdict(progress), "losses": mean.tolist()}
    (out / "pretrain.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Command line entry point."""
    parser = argparse.ArgumentParser(description="Pre-train the embedded CLIP on drawn scenes.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--minutes", type=float, default=PretrainConfig.minutes)
    parser.add_argument("--seed", type=int, default=PretrainConfig.seed)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    pretrain(PretrainConfig(minutes=arguments.minutes, seed=arguments.seed), arguments.out)


if __name__ == "__main__":
    main()
