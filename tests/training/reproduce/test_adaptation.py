"""Going on in another domain, from the command to its table."""

import csv
from pathlib import Path

import pytest
from weclip_training.checkpoints import last_checkpoint
from weclip_training.reproduce.adaptation import KINDS, STAGES, configs
from weclip_training.reproduce.cli import main
from weclip_training.reproduce.source import Budget

from weclip_napari.core.checkpoint import load_model
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.session.annotation import AnnotationStore
from weclip_napari.session.dataset import read_dataset
from weclip_napari.session.states import State

SIZE = ["--images", "25", "--held-out", "2", "--steps", "1", "--batch", "2", "--seeds", "1"]


def test_corrections_tags_both_and_all_masks(tmp_path, tiny):
    out = tmp_path / "out"
    options = ["--model", str(tiny), "--device", "cpu"]
    assert main(["adaptation", "--out", str(out), *SIZE, *options]) == 0
    with (out / "adaptation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["setting"] for row in rows] == [
        f"{name}, {meaning}" for name in KINDS for meaning in STAGES.values()
    ]
    (seen,) = (out / "data").glob("shifted-held-out-*")
    for run in (out / "runs").iterdir():
        checkpoint = last_checkpoint(run)
        model = load_model(str(checkpoint.path), "cpu")
        report = evaluate_dataset(model, read_dataset(seen), stages=("decoder",))
        assert report.miou["decoder"] == pytest.approx(checkpoint.metrics["decoder"])
        means = [float(row["ours_mean"]) for row in rows if row["setting"].endswith("with tags")]
        assert round(checkpoint.metrics["decoder"], 2) in means
    assert all(float(row["ours_mean"]) >= 0 and row["paper"] == "" for row in rows)


def test_each_setting_knows_what_its_name_says(make_study):
    settings = configs(make_study(budget=Budget(25, 2, 1, 2)), 1)
    states = {}
    for name, config in settings.items():
        store = AnnotationStore(config.data.root)
        images = sorted(Path(config.data.root).glob("*.png"))
        states[name] = sum(store.load(image).state is State.ACCEPTED for image in images)
        assert len(images) == 25
    assert states == {"corrected only": 20, "tags only": 0, "both": 20, "all masks": 25}
    assert settings["corrected only"].data.selection == "reviewed"
