"""Tables 1 and 5, the background words, val and the labels, on a tiny model."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassConfusionMatrix
from weclip_training.reproduce.backgrounds import BACKGROUNDS, NONE_NOTE
from weclip_training.reproduce.labels import LABELS
from weclip_training.reproduce.scoring_items import TABLE1, TABLE5, score_base
from weclip_training.reproduce.validation import VAL

from weclip_napari.core import postprocess
from weclip_napari.core.classes import COCO_BACKGROUND, VOC_BACKGROUND, VOC_CLASSES
from weclip_napari.core.postprocess import has_crf
from weclip_napari.errors import UserError
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import read_mask
from weclip_napari.session.voc_tree import read_voc_tree

needs_crf = pytest.mark.skipif(not has_crf(), reason="the dense CRF is not installed")


@pytest.fixture
def study(voc_study):
    return replace(voc_study, seeds=(1,))


def rows_of(item, study):
    return {row.setting: row for row in item.rows(study)}


@needs_crf
def test_table_1_tells_printed_figures_from_ours(study):
    rows = rows_of(TABLE1, study)
    assert {name: row.paper for name, row in rows.items()} == {
        "RIB (NeurIPS 2021)": "70.6",
        "MCTformer (CVPR 2022)": "69.1",
        "ACR (CVPR 2023)": "72.3",
        "CLIMS (CVPR 2022)": "70.5",
        "CLIP-ES before its CRF": "70.8",
        "CLIP-ES": "75.0",
        "WeCLIP, its predictions": "78.2",
        "WeCLIP, held to the image's tags": "",
    }
    printed = [row for row in rows.values() if row.remark == "printed figure"]
    assert len(printed) == 4
    assert not any(row.values for row in printed)
    train = study.dataset("train", 1)
    stages = {
        "CLIP-ES before its CRF": ("clip_es", study.base()),
        "CLIP-ES": ("clip_es_crf", study.base()),
        "WeCLIP, its predictions": ("decoder_untagged", study.trained(study.config(1))),
        "WeCLIP, held to the image's tags": ("decoder", study.trained(study.config(1))),
    }
    for name, (stage, model) in stages.items():
        report = evaluate_dataset(model, train, stages=(stage,))
        assert rows[name].values == (report.miou[stage],)


def test_without_a_dense_crf_its_rows_say_so(study, monkeypatch):
    def missing():
        raise UserError("pip install weclip-napari[crf]")

    monkeypatch.setattr(postprocess, "require_crf", missing)
    row = rows_of(TABLE1, study)["CLIP-ES"]
    assert (row.values, row.remark) == ((), "pip install weclip-napari[crf]")
    row = rows_of(VAL, study)["two scales, mirror images, dense CRF"]
    assert (row.paper, row.values, row.remark) == ("76.4", (), "pip install weclip-napari[crf]")


def test_table_5_has_each_set_of_scales(study):
    rows = rows_of(TABLE5, study)
    assert {name: row.paper for name, row in rows.items()} == {
        "{1.0}": "74.0",
        "{0.5, 1.0}": "74.2",
        "{0.75, 1.0}": "74.9",
        "{0.5, 0.75, 1.0}": "74.4",
        "{0.75, 1.0, 1.25}": "74.8",
        "{0.75, 1.0, 1.5}": "74.5",
    }
    model = study.trained(study.config(1))
    model = replace(model, config=replace(model.config, scales=(0.5, 1.0), flip=True))
    report = evaluate_dataset(model, study.dataset("val", 1), stages=("decoder_untagged",))
    assert rows["{0.5, 1.0}"].values == (report.miou["decoder_untagged"],)


def test_the_published_views_are_scored_once_for_all_items(study, monkeypatch):
    scored = []
    evaluated = type(study).evaluated

    def count(self, model, images, stages, **options):
        scored.append((model.config.scales, model.config.flip))
        return evaluated(self, model, images, stages, **options)

    monkeypatch.setattr(type(study), "evaluated", count)
    usual = study.miou(study.config(1))
    assert rows_of(TABLE5, study)["{0.75, 1.0}"].values == usual[:1]
    assert len(scored) == len(set(scored)) == 6
    list(TABLE5.rows(study))
    assert len(scored) == 6


def test_val_finds_the_published_views_scored(study, monkeypatch):
    study.miou(study.config(1))
    scored = []
    evaluated = type(study).evaluated

    def count(self, model, images, stages, **options):
        if "decoder" in stages:
            scored.append((model.config.scales, model.config.flip))
        return evaluated(self, model, images, stages, **options)

    monkeypatch.setattr(type(study), "evaluated", count)
    list(VAL.rows(study))
    assert sorted(scored) == [((0.75, 1.0), False), ((1.0,), False)]


def test_background_words_compete_with_the_tags(study):
    rows = rows_of(BACKGROUNDS, study)
    assert [row.remark for row in rows.values()].count(NONE_NOTE) == 1
    assert rows["none"].remark == NONE_NOTE
    assert set(rows) > {"VOC set (25 words)", "COCO set (23, without keyboard and sign)"}
    assert "the model's own" not in rows  # they are the VOC set
    kept = {
        words: score_base(study, 1, "pseudo_label", words).values
        for words in (VOC_BACKGROUND, COCO_BACKGROUND, ())
    }
    model, train = study.base(), study.dataset("train", 1)
    for words, values in kept.items():
        config = replace(model.config, background_words=words)
        report = evaluate_dataset(replace(model, config=config), train, stages=("pseudo_label",))
        assert values["pseudo_label"] == report.miou["pseudo_label"]
    assert rows["none"].values == (kept[()]["pseudo_label"],)


def test_scenes_differ_from_seed_to_seed_and_photographs_do_not(make_study, voc_study):
    assert len(rows_of(BACKGROUNDS, make_study("scenes"))["none"].values) == 2
    assert len(rows_of(BACKGROUNDS, voc_study)["none"].values) == 1


def test_other_words_of_a_model_are_compared_too(study, monkeypatch):
    base = study.base()
    own = replace(base, config=replace(base.config, background_words=("snow",)))
    monkeypatch.setattr(type(study), "base", lambda self: own)
    assert "the model's own" in rows_of(BACKGROUNDS, study)


def test_val_shows_the_decoder_beside_its_pseudo_labels(study):
    rows = rows_of(VAL, study)
    assert rows["reruns by others, without CRF"].paper == "73.3-73.5"
    val, model = study.dataset("val", 1), study.trained(study.config(1))
    for variant, name in (("mean", "attention's"), ("filter", "learned")):
        affinity = replace(model.config.affinity, variant=variant)
        seen = replace(model, config=replace(model.config, affinity=affinity))
        report = evaluate_dataset(seen, val, stages=("pseudo_label",))
        assert rows[f"pseudo labels, of the {name} affinity"].values == (
            report.miou["pseudo_label"],
        )
    tagged = rows["two scales, mirror images, held to the image's tags"].values[0]
    learned = rows["pseudo labels, of the learned affinity"]
    where = "above" if tagged >= learned.values[0] else "below"
    assert f"{abs(tagged - learned.values[0]):.1f} {where}" in learned.remark
    report = evaluate_dataset(model, val, stages=("decoder", "decoder_untagged"))
    assert tagged == report.miou["decoder"]
    with (study.out / "val_classes.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["class"] for row in table] == ["background", *VOC_CLASSES.names]
    for row in table:
        iou = report.per_class[row["class"]]["decoder_untagged"]
        assert row["predictions_mean"] == ("" if iou is None else f"{iou:.2f}")


def test_labels_can_train_another_segmenter(study, tmp_path):
    (row,) = LABELS.rows(study)
    folder = study.out / "labels-1"
    train = study.dataset("train", 1)
    shutil.copytree(train.folder / "JPEGImages", folder / "JPEGImages")
    names = (folder / "classes.txt").read_text().split("\n")[:-1]
    written = read_voc_tree(folder, tuple(names), "train")
    assert names == list(VOC_CLASSES.names)
    assert [one.image.name for one in written.examples] == [e.image.name for e in train.examples]
    count = MulticlassConfusionMatrix(21, ignore_index=255)
    for label, true in zip(written.examples, train.examples, strict=True):
        labels, truth = read_mask(label.mask), read_mask(true.mask)
        assert labels.shape == truth.shape
        allowed = [VOC_CLASSES.label_id(tag) for tag in true.tags]
        assert set(np.unique(labels)) <= {0, *allowed}
        count.update(torch.from_numpy(labels), torch.from_numpy(truth))
    matrix = count.compute().double()
    iou = matrix.diag() / (matrix.sum(0) + matrix.sum(1) - matrix.diag())
    expected = 100 * iou[matrix.sum(1) > 0].mean()
    assert row.values == (pytest.approx(float(expected), abs=0.01),)
    assert row.remark.startswith(f"{len(train.examples)} labels")


def test_scenes_of_every_seed_are_labelled(make_study):
    study = make_study("scenes")
    (row,) = LABELS.rows(study)
    assert len(row.values) == 2
    assert row.remark.startswith("3, 3 labels")
    for seed in study.seeds:
        masks = study.out / f"labels-{seed}" / "SegmentationClass"
        names = [one.mask.name for one in study.dataset("train", seed).examples]
        assert sorted(path.name for path in masks.iterdir()) == sorted(names)


def test_labels_that_are_there_are_not_made_again(study):
    (first,) = LABELS.rows(study)
    masks = sorted((study.out / "labels-1" / "SegmentationClass").iterdir())
    made = {path: path.stat().st_mtime_ns for path in masks}
    content = masks[0].read_bytes()
    masks[0].unlink()
    (second,) = LABELS.rows(study)
    assert second.values == first.values
    assert masks[0].read_bytes() == content
    assert all(path.stat().st_mtime_ns == made[path] for path in masks[1:])


def test_labels_of_another_run_are_left_alone(study):
    list(LABELS.rows(study))
    longer = replace(study, budget=replace(study.budget, steps=3))
    with pytest.raises(UserError, match="labels of another run"):
        list(LABELS.rows(longer))


def test_a_photograph_that_cannot_be_read_has_no_label(study, capsys):
    broken = study.dataset("train", 1).examples[0].image
    study.trained(study.config(1))
    broken.write_bytes(b"no image")
    (row,) = LABELS.rows(study)
    assert row.remark.startswith("5 labels")
    listed = study.out / "labels-1" / "ImageSets" / "Segmentation" / "train.txt"
    assert broken.stem not in listed.read_text().split()
    assert str(broken) in capsys.readouterr().err


def test_a_label_without_a_truth_of_its_size_is_not_scored(study, capsys):
    study.trained(study.config(1))
    train = study.dataset("train", 1)
    image = train.examples[0].image
    write_image(image, np.zeros((40, 40, 3), np.uint8))
    (row,) = LABELS.rows(study)
    assert row.remark.startswith(f"{len(train.examples)} labels")
    assert len(row.values) == 1
    assert (
        read_mask(study.out / "labels-1" / "SegmentationClass" / f"{image.stem}.png").size == 1600
    )
    assert f"{image.stem}.png" in capsys.readouterr().err
