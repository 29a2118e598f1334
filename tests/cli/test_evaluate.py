from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.helpers import Run
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


@pytest.mark.parametrize("name", ["tags.csv", "classes.txt"])
def test_missing_parts(run: Run, dataset: Path, name: str) -> None:
    (dataset / name).unlink()
    code, out, err = run("evaluate", dataset, "--json")
    assert (code, out) == (2, "")
    assert f"{name}' does not exist" in err
