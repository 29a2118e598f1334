from __future__ import annotations

import json
from pathlib import Path

from tests.cli.helpers import Run
from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.core.storage import save_model
from weclip_napari.core.untrained import random_model
from weclip_napari.session.masks import read_mask, write_mask

STAGES = {"cam", "refined_cam", "pseudo_label", "decoder", "decoder_untagged"}


def test_json_alone_goes_to_stdout(run: Run, dataset: Path, model_folder: Path) -> None:
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert code == 0, err
    report = json.loads(out)
    assert report["n_images"] == 4
    assert report["seconds"] > 0
    assert 0 <= report["tag_auc"] <= 1
    assert set(report["miou"]) == STAGES
    assert all(0 <= value <= 100 for value in report["miou"].values())
    assert set(report["per_class"]) == {"background", "disc", "ring", "star"}
    assert set(report["per_class"]["disc"]) == STAGES | {"tag_auc"}


def test_table_goes_to_stderr(run: Run, dataset: Path, model_folder: Path) -> None:
    code, out, err = run("evaluate", dataset, "--model", model_folder)
    assert (code, out) == (0, "")
    assert "mIoU %, 4 images" in err
    assert "decoder_untagged" in err


def test_faulty_images_are_named_and_the_others_scored(
    run: Run, dataset: Path, model_folder: Path
) -> None:
    (dataset / "images" / "0.png").write_bytes(b"broken")
    write_mask(dataset / "masks" / "1.png", read_mask(dataset / "masks" / "1.png")[:5])
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert code == 2
    assert json.loads(out)["n_images"] == 2
    assert "0.png' cannot be read as an image" in err
    assert "1.png' is not 56 x 40 as its image" in err


def test_nothing_to_score(run: Run, dataset: Path, model_folder: Path) -> None:
    for mask in (dataset / "masks").iterdir():
        mask.unlink()
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert (code, out) == (2, "")
    assert "has no image that can be scored" in err


def test_missing_tags(run: Run, dataset: Path, model_folder: Path) -> None:
    (dataset / "tags.csv").unlink()
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert (code, out) == (2, "")
    assert "tags.csv' does not exist" in err


def test_without_a_list_the_model_names_the_classes(
    run: Run, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    reports = []
    for _ in range(2):
        code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
        assert code == 0, err
        reports.append(json.loads(out)["miou"])
        (dataset / "classes.txt").unlink(missing_ok=True)
    assert reports[0] == reports[1]
    save_model(tmp_path / "clip", random_model(classes=()))
    code, out, err = run("evaluate", dataset, "--json", "--model", tmp_path / "clip")
    assert (code, out) == (2, "")
    assert "classes.txt' does not exist" in err


def test_a_voc_tree_is_scored(run: Run, dataset: Path, model_folder: Path) -> None:
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert code == 0, err
    expected = json.loads(out)["miou"]
    (dataset / "images").rename(dataset / "JPEGImages")
    (dataset / "masks").rename(dataset / "SegmentationClass")
    (dataset / "ImageSets").mkdir()
    (dataset / "ImageSets" / "val.txt").write_text("0\n2\n")
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert code == 0, err
    assert json.loads(out)["miou"] == expected
    code, out, _ = run("evaluate", dataset, "--json", "--split", "val", "--model", model_folder)
    assert (code, json.loads(out)["n_images"]) == (0, 2)
    (dataset / "tags.csv").unlink()
    (dataset / "SegmentationClass" / "3.png").write_bytes(b"broken")
    code, out, err = run("evaluate", dataset, "--json", "--model", model_folder)
    assert (code, json.loads(out)["n_images"]) == (2, 3)
    assert "3.png" in err


def test_only_a_voc_tree_has_splits(run: Run, dataset: Path, model_folder: Path) -> None:
    code, _, err = run("evaluate", dataset, "--split", "val", "--model", model_folder)
    assert code == 2
    assert "not a VOC tree" in err


def test_a_voc_tree_without_a_list_has_published_classes(
    run: Run, dataset: Path, model_folder: Path
) -> None:
    (dataset / "images").rename(dataset / "JPEGImages")
    (dataset / "masks").rename(dataset / "SegmentationClass")
    (dataset / "tags.csv").unlink()
    (dataset / "classes.txt").unlink()
    for classes, names in (("voc", VOC_CLASSES.names), ("coco", COCO_CLASSES.names)):
        args = ("--json", "--classes", classes, "--model", model_folder)
        code, out, err = run("evaluate", dataset, *args)
        assert code == 0, err
        report = json.loads(out)["per_class"]
        assert tuple(report) == ("background", *names)
        assert report[names[0]]["pseudo_label"] is not None
