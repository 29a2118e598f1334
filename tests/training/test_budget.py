"""A retraining that fits into given minutes."""

import json
from dataclasses import replace

import pytest
from weclip_training import budget
from weclip_training.budget import LEAST_STEPS, Costs, measure, steps_within
from weclip_training.cli import main
from weclip_training.reproduce.adaptation import annotate
from weclip_training.retrain import retrain_config
from weclip_training.runs import train

from weclip_napari.scenes import write_scenes
from weclip_napari.session.folder_models import RUN_RESULT


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six drawn scenes, five of them accepted."""
    place = tmp_path_factory.mktemp("budget")
    write_scenes(place / "truth", 6, seed=8_000_000, size=96)
    return annotate(place / "truth", place / "photos", corrected=5)


@pytest.fixture
def config(photos, tmp_path):
    return retrain_config(photos, tmp_path / "run", steps=200, device="cpu")


def test_steps_cost_their_time_and_each_view_is_made_once():
    costs = Costs(fixed=3.0, step=0.1, view=0.5, views=40, batch=8)
    assert costs.seconds(1) == pytest.approx(3.0 + 0.1 + 0.5 * 8, rel=0.1)
    assert costs.seconds(1000) == pytest.approx(3.0 + 100.0 + 20.0)
    assert costs.steps_within(123.0) == 1000


def test_as_many_steps_as_fit_and_no_more():
    costs = Costs(fixed=2.0, step=0.2, view=0.3, views=10, batch=4)
    steps = costs.steps_within(30.0)
    assert costs.seconds(steps) <= 30.0 < costs.seconds(steps + 1)


def test_too_short_a_time_still_gives_a_few_steps():
    assert Costs(60.0, 1.0, 1.0, 100, 8).steps_within(30.0) == LEAST_STEPS


def test_a_step_is_measured_on_the_folders_own_images(config):
    costs = measure(config)
    assert costs.views == 2 * 5  # four to train on and one with tags, each also mirrored
    assert 0 < costs.step < 30
    assert costs.fixed > 0


def test_measuring_trains_nothing(config, tmp_path):
    measure(config)
    assert not (tmp_path / "run" / "checkpoints").exists()
    events = list(train(replace(config, fit=replace(config.fit, steps=1))))
    assert [event.step for event in events] == [1]


def test_the_steps_are_kept_so_that_a_run_goes_on_with_its_schedule(
    photos, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(budget, "measure", lambda config: Costs(0.0, 1.0, 0.0, 10, 8))
    run = tmp_path / "run"
    options = ["--run", str(run), "--device", "cpu", "--events"]
    assert main(["retrain", str(photos), "--minutes", "0.2", *options]) == 0
    captured = capsys.readouterr()
    steps = json.loads((run / "config.json").read_text())["fit"]["steps"]
    assert 10 <= steps <= 12
    assert f"{steps} steps fit into about 0.2 min" in captured.err
    assert len(captured.out.splitlines()) == steps
    (run / RUN_RESULT).unlink()
    assert main(["retrain", str(photos), "--minutes", "7", *options]) == 0
    assert json.loads((run / "config.json").read_text())["fit"]["steps"] == steps
    assert (run / RUN_RESULT).exists()


def test_a_run_with_a_damaged_description_is_told(config, tmp_path):
    from weclip_napari.errors import UserError

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        steps_within(config, 1.0)


def test_steps_and_minutes_exclude_each_other(photos, capsys):
    with pytest.raises(SystemExit):
        main(["retrain", str(photos), "--steps", "3", "--minutes", "1"])
    assert "not allowed" in capsys.readouterr().err
