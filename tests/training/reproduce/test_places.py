"""Which images a reproduction works on."""

import shutil

import numpy as np
import pytest
from weclip_training.data import open_data
from weclip_training.reproduce.places import draw
from weclip_training.reproduce.source import Budget

from weclip_napari.core.classes import COCO_CLASSES, VOC_BACKGROUND
from weclip_napari.errors import UserError
from weclip_napari.session.images import read_image


def names(dataset):
    return [example.image.stem for example in dataset.examples]


def test_every_seed_has_scenes_of_its_own_but_the_same_held_out(make_study):
    study = make_study()
    first, second = (study.dataset("train", seed) for seed in (1, 2))
    assert len(first.examples) == len(second.examples) == 3
    pictures = [read_image(dataset.examples[0].image) for dataset in (first, second)]
    assert not np.array_equal(*pictures)
    assert study.dataset("val", 1) == study.dataset("val", 2)
    assert study.config(1).data.root == str(first.folder)


def test_scenes_are_drawn_once(make_study, tmp_path):
    study = make_study()
    image = study.dataset("train", 1).examples[0].image
    before = image.stat().st_mtime_ns
    assert study.dataset("train", 1).examples[0].image.stat().st_mtime_ns == before
    (image.parent.parent / "classes.txt").unlink()  # as if broken off while drawing
    study.dataset("train", 1)
    assert image.stat().st_mtime_ns > before


def test_scenes_need_a_number(tmp_path):
    with pytest.raises(UserError, match="--images"):
        draw(tmp_path / "scenes", None, 1)


def test_a_tree_has_its_own_parts(make_study, tree):
    study = make_study("voc", root=tree)
    assert names(study.dataset("train", 1)) == ["2007_000000", "2007_000001"]
    assert names(study.dataset("val", 1)) == ["2007_000002", "2007_000003"]
    assert [example.tags for example in study.dataset("train", 1).examples] == [
        ("aeroplane", "bicycle"),
        ("bicycle", "bird"),
    ]
    lists = tree / "ImageSets" / "Segmentation"
    (lists / "train_aug.txt").write_text("2007_000000\n2007_000001\n2007_000002\n")
    assert study.places.find("train", 1).split == "train_aug"
    assert len(study.dataset("train", 1).examples) == 3
    assert study.config(1).data.split == "train_aug"


def test_a_tree_without_lists_is_all_of_either_part(make_study, tree):
    shutil.rmtree(tree / "ImageSets")
    study = make_study("voc", root=tree)
    assert len(study.dataset("train", 1).examples) == 3  # as many as are to be trained on
    assert len(study.dataset("val", 1).examples) == 2  # as many as are to be scored on
    assert study.config(1).data.split is None


def test_no_more_is_trained_on_than_asked_for(make_study, tree):
    study = make_study("voc", root=tree)
    assert study.config(1).data.limit == 3
    one = make_study("voc", root=tree, budget=Budget(1, None, 2, 2))
    data = open_data(one.config(1).data, "weak")
    assert [image.path.stem for image in data.images] == ["2007_000000"]
    assert len(one.dataset("train", 1).examples) == 1


def test_coco_has_its_classes_background_words_and_boxes(make_study, tree):
    study = make_study("coco", root=tree)
    config = study.base().config
    assert set(VOC_BACKGROUND) - set(config.background_words) == {"sign", "keyboard"}
    assert len(config.background_words) == 23
    assert (config.affinity.box_threshold, config.affinity.last_filter) == (0.7, 10)
    assert study.config(1).data.classes == COCO_CLASSES.names
    assert study.dataset("val", 1).classes == COCO_CLASSES.names
    voc = make_study("voc", root=tree).base().config
    assert (voc.affinity.box_threshold, len(voc.background_words)) == (0.4, 25)
