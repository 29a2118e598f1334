"""The bench of training, on as little as possible: what it measures, not how long it takes."""

import json

import pytest
from weclip_training import bench

from weclip_napari.cli import main
from weclip_napari.core.config import WeclipConfig
from weclip_napari.core.untrained import random_model


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("WECLIP_NAPARI_HOME", str(tmp_path / "home"))
    for name, value in {
        "SCENES": 4,
        "HELD_OUT": 2,
        "RUN_STEPS": 2,
        "BATCH": 2,
        "RETRAIN_STEPS": 2,
        "LARGE_STEPS": 2,
    }.items():
        monkeypatch.setattr(bench, name, value)
    large = random_model(classes=(), config=WeclipConfig(input_long_side=64))
    monkeypatch.setattr(bench, "vit_b16", lambda device: large)


def test_kept_views_cost_no_accuracy(capsys, tmp_path):
    assert main(["bench", "train", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {
        "step_ms_uncached",
        "step_ms_cached",
        "cached_speedup",
        "miou_uncached",
        "miou_cached",
        "retrain_40_seconds",
        "peak_mib",
        "vit_b16_step_ms_uncached",
        "vit_b16_step_ms_cached",
        "vit_b16_cached_speedup",
    }
    assert figures["miou_cached"] == pytest.approx(figures["miou_uncached"], abs=1)
    assert all(value > 0 for value in figures.values())
    assert not (tmp_path / "home" / "cache").exists()  # or the next bench would find it
