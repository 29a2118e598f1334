"""The settings of the items that train, and what one of them makes of a tree like VOC's."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import pytest
from weclip_training.config import FitConfig, ViewConfig
from weclip_training.reproduce.cli import main
from weclip_training.reproduce.items import ITEMS
from weclip_training.reproduce.source import SOURCES
from weclip_training.reproduce.study import Study
from weclip_training.reproduce.training_items import (
    affinity_targets,
    affinity_weights,
    first_layers,
    supervisions,
)

from weclip_napari.core.checkpoint import random_model, save_model


def layers_at(depth, study, monkeypatch):
    base = SimpleNamespace(backbone=SimpleNamespace(depth=depth))
    monkeypatch.setattr(Study, "base", lambda self: base)
    return first_layers(study, 1)


def test_table2_has_the_papers_blocks_at_its_depth(make_study, monkeypatch):
    settings = layers_at(12, make_study(), monkeypatch)
    assert [s.config.first_layer for s in settings] == [1, 5, 8, 11, 12]
    assert [(s.name, s.paper) for s in settings][1] == ("N0 = 5", "74.7")
    assert not any(s.remark for s in settings)


def test_table2_takes_the_same_shares_of_another_depth(make_study, monkeypatch):
    settings = layers_at(6, make_study(), monkeypatch)
    assert [s.config.first_layer for s in settings] == [1, 2, 4, 5, 6]
    assert [s.paper for s in settings] == ["74.9", "74.7", "74.6", "74.5", "74.3"]
    assert settings[2].name == "N0 = 4 of 6"
    assert "N0 = 8 of 12" in settings[2].remark


def test_table2_trains_no_block_twice(make_study, monkeypatch):
    settings = layers_at(3, make_study(), monkeypatch)
    assert [(s.config.first_layer, s.paper) for s in settings] == [
        (1, "74.9"),
        (2, "74.6"),
        (3, "74.3"),
    ]


def test_every_other_setting_is_the_default_run_but_for_one_thing(make_study):
    study = make_study()
    base = study.config(1)
    assert (base.first_layer, base.fit.switch_step, base.checkpoint_every) == (1, 1, 100)

    def fit(**changes):
        return replace(base, fit=replace(base.fit, **changes))

    targets, weights = affinity_targets(study, 1), affinity_weights(study, 1)
    assert [s.config for s in targets] == [
        base,
        fit(affinity_target="prediction"),
        fit(affinity_target="both"),
    ]
    assert [s.config for s in weights] == [
        fit(affinity_weight=0.0),
        base,
        fit(affinity_weight=0.5),
        fit(affinity_weight=1.0),
    ]
    assert first_layers(study, 1)[0].config == base
    assert [s.config for s in supervisions(study, 1)] == [replace(base, supervision="full"), base]
    assert study.runs.folder(base) != study.runs.folder(study.config(2))


def test_a_model_that_changed_under_its_name_starts_new_runs(make_study, tmp_path):
    folders = set()
    for classes in (("star",), ("star", "boat")):
        save_model(tmp_path / "model", random_model(classes=classes))
        study = make_study(model=str(tmp_path / "model"))
        folders |= {study.runs.folder(study.config(1)) for _ in range(2)}
    assert len(folders) == 2


def test_items_share_the_default_run(make_study):
    study = make_study()
    shared = [
        {study.runs.folder(run) for run in ITEMS[name].runs(study)}
        for name in ("table2", "table3", "table4", "figure3")
    ]
    assert len(set.intersection(*shared)) == len(study.seeds)
    assert [len(runs) for runs in shared] == [2 * 3, 2 * 3, 2 * 4, 2 * 2]


def test_a_tree_like_vocs_makes_a_table_that_is_no_result(tree, tmp_path, tiny, monkeypatch):
    views = ViewConfig(crop=32, scales=(0.5, 2.0))
    monkeypatch.setitem(SOURCES, "voc", replace(SOURCES["voc"], views=views))
    out = tmp_path / "out"
    options = ["--images", "2", "--steps", "2", "--batch", "2", "--seeds", "1", "--device", "cpu"]
    places = ["--root", str(tree), "--out", str(out), "--model", str(tiny)]
    assert main(["table3", "--dataset", "voc", *places, *options]) == 0
    text = (out / "table3.md").read_text(encoding="utf-8")
    assert text.startswith("## table3 on PASCAL VOC 2012")
    assert "**Not the published weights: proves that the commands run, is no result.**" in text
    assert "2 images to train on (list `train`), all held out (list `val`)" in text
    with (out / "table3.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["paper"] for row in rows] == ["74.9", "74.6", "74.8"]
    assert all(0 <= float(row["ours_mean"]) <= 100 for row in rows)
    assert [row["ours_std"] for row in rows] == [""] * 3  # one value has no spread


@pytest.mark.parametrize(
    ("dataset", "steps", "switch"), [("voc", 30_000, 9145), ("coco", 80_000, 40_000)]
)
def test_benchmarks_are_trained_as_published(make_study, tree, dataset, steps, switch):
    study = make_study(dataset, root=tree)
    study = replace(study, budget=study.source.budget, model=study.source.model)
    config = study.config(3)
    assert config.fit == FitConfig(steps=steps, batch=4, switch_step=switch, seed=3)
    assert (config.views.crop, config.views.scales) == (320, (0.5, 2.0))
    assert (config.scales, config.flip) == ((1.0, 0.75), True)
    assert config.model == "ViT-B-16-quickgelu/openai"
    assert config.benchmark == dataset
