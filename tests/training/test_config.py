"""Settings of a run, as people may write them."""

import json

import pytest
from weclip_training.cli import main
from weclip_training.config import DataConfig, TrainConfig

DATA = {"root": "scenes"}


def test_settings_go_to_json_and_back():
    config = TrainConfig("run", DataConfig("scenes", classes=("a", "b")), scales=(0.5, 1.0))
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ([1], "no JSON object"),
        ({"run": "a", "data": None}, "no JSON object"),
        ({"run": "a", "data": DATA, "views": 3}, "no JSON object"),
        ({"run": "a", "data": DATA, "fit": {"steps": 2.5}}, "whole number"),
        ({"run": "a", "data": DATA, "fit": {"rate": "fast"}}, "FitConfig"),
        ({"run": "a", "data": DATA, "fit": {"rate": 0}}, "rate=0"),
        ({"run": "a"}, "data"),
    ],
)
def test_settings_that_cannot_work_are_told_with_their_file(tmp_path, capsys, settings, reason):
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert main(["resume", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert str(tmp_path / "config.json") in told
    assert reason in told
