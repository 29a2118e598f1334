"""A pre-training of a few seconds, through its command line entry."""

import json

import torch
from safetensors.torch import load_file
from weclip_training.pretrain_mini import PHASES, PretrainConfig, current_phase, pretrain

from weclip_napari.core.mini import create_mini_clip


def test_the_curriculum_goes_from_close_ups_to_scenes():
    shares = [current_phase(f).close_up_share for f in (0.0, 0.5, 1.0)]
    assert shares == sorted(shares, reverse=True)
    assert current_phase(0.0) == PHASES[0][1]
    assert current_phase(1.0) == PHASES[-1][1]


def test_pretraining_writes_weights_that_load(tmp_path):
    config = PretrainConfig(minutes=0.02, scenes=200, close_ups=20, batch=2, text_steps=2)
    pretrain(config, tmp_path)
    record = json.loads((tmp_path / "pretrain.json").read_text())
    assert record["config"]["minutes"] == 0.02
    assert record["last"]["step"] >= 1
    state = load_file(tmp_path / "clip.safetensors")
    assert state["visual.positional_embedding"].dtype == torch.float32
    assert state["visual.proj"].dtype == torch.float16
    clip = create_mini_clip(tmp_path / "clip.safetensors")
    torch.testing.assert_close(clip.visual.proj, state["visual.proj"].float())
