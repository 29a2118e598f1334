from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import Run
from weclip_napari import __version__
from weclip_napari.core.model import WeclipModel
from weclip_napari.session.dataset import read_dataset


def test_console_script_prints_help_and_version() -> None:
    script = Path(sys.executable).with_name("weclip-napari")
    shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    for command in ("propose", "evaluate", "scenes", "models", "bench", "demo"):
        assert command in shown.stdout
    shown = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"weclip-napari {__version__}\n"


def test_unknown_command(run: Run) -> None:
    code, out, err = run("fly")
    assert (code, out) == (2, "")
    assert "invalid choice" in err


def test_scenes_are_a_data_set_and_depend_on_the_seed(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        code, out, err = run("scenes", tmp_path / name, "--count", 2, "--seed", seed, "--size", 64)
        assert (code, out) == (0, ""), err
    dataset = read_dataset(tmp_path / "a")
    assert (len(dataset.examples), dataset.problems) == (2, ())
    pixels = [(tmp_path / name / "images" / "scene_0000.png").read_bytes() for name in "abc"]
    assert pixels[0] == pixels[1] != pixels[2]


@pytest.mark.parametrize("option", [("--count", 0), ("--size", 8), ("--seed", -1)])
def test_scenes_refuse_bad_numbers(run: Run, tmp_path: Path, option: tuple[str, int]) -> None:
    code, _, err = run("scenes", tmp_path / "a", *option)
    assert (code, "must be at least" in err) == (2, True)


def test_scenes_into_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    code, _, err = run("scenes", tmp_path / "a", "--count", 1)
    assert code == 2
    assert str(tmp_path / "a") in err


def test_models_as_json(run: Run) -> None:
    code, out, err = run("models", "--json")
    assert code == 0, err
    entries = {entry["model"]: entry for entry in json.loads(out)["models"]}
    assert entries["ViT-B-16-quickgelu/openai"]["licence"] == "MIT"


def test_models_as_a_table(run: Run) -> None:
    code, out, err = run("models")
    assert (code, out) == (0, "")
    assert "ViT-B-16-quickgelu/openai" in err


def test_bench_as_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"encode_ms": 2.0, "cold_ms": 3.0, "cold_over_encode": 1.5}
    sizes = []

    def bench(model: object = None, size: object = None) -> dict[str, float]:
        sizes.append((getattr(model, "name", None), size))
        return dict(figures)

    monkeypatch.setattr("weclip_napari.bench.bench_propose", bench)
    code, out, _ = run("bench", "propose", "--json")
    assert (code, json.loads(out)) == (0, {**figures, "embedded_cold_ms": 3.0})
    assert sizes == [(None, None), ("embedded", (512, 512))]
    code, out, err = run("bench", "propose")
    assert (code, out) == (0, "")
    assert "cold_over_encode: 1.5" in err
    assert "prompts are encoded beforehand" in err


def test_demo_writes_proposals_and_prints_scores(
    run: Run, tmp_path: Path, model_folder: Path
) -> None:
    out_folder = tmp_path / "demo"
    code, out, err = run("demo", "--out", out_folder, "--count", 3, "--model", model_folder)
    assert (code, out) == (0, ""), err
    assert "untrained" in err
    assert "mIoU %, 3 images" in err
    assert len(list((out_folder / "proposals" / "masks").iterdir())) == 3
    assert (out_folder / "contact-sheet.png").is_file()


def test_interrupted(run: Run, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> WeclipModel:
        raise KeyboardInterrupt

    monkeypatch.setattr("weclip_napari.core.checkpoint.load_model", interrupt)
    code, _, err = run("propose", images, "--tag", "x", "--out", images.parent / "out")
    assert (code, "stopped" in err) == (130, True)
