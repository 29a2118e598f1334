"""Retraining from what was corrected and tagged in the annotator."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from weclip_training.annotated import plan_folder
from weclip_training.checkpoints import FOLDER, OPTIMIZER, last_checkpoint
from weclip_training.cli import main
from weclip_training.retrain import retrain, retrain_config

from tests.red_and_blue import SIZE, paint, write_model
from weclip_napari.core.checkpoint import load_model, random_model, save_model
from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.folder_models import RUN_RESULT, runs_folder
from weclip_napari.session.images import write_image
from weclip_napari.session.states import State

COUNT = 10


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WECLIP_NAPARI_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model that knows "red" and "old", but not "blue"."""
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def folder(tmp_path):
    """Six accepted images, one corrected in part, three with tags only; one class never shown."""
    images = tmp_path / "photos"
    images.mkdir()
    store = AnnotationStore(images)
    for name in ("never", "red", "blue"):
        store.ensure_class(name)
    ids = {name: store.classes.find(name).id for name in ("red", "blue")}
    for number in range(COUNT):
        path = images / f"{number}.png"
        name, shown = paint(path, number)
        mask = np.where(shown, ids[name], 0).astype(np.uint8)
        state = State.ACCEPTED if number < 6 else State.EDITED if number == 6 else State.TODO
        mask = mask if number < 7 else np.zeros_like(mask)
        human = (mask > 0) & (np.arange(SIZE[0])[:, None] < 20)
        store.save(path, Annotation(mask, human, (name,), (), state))
    return images


@pytest.fixture
def config(folder, base, tmp_path):
    return retrain_config(folder, tmp_path / "run", model=base, steps=8, device="cpu")


def test_a_retraining_extends_the_model_and_says_what_it_brought(config, tmp_path):
    config = replace(config, fit=replace(config.fit, steps=80, rate=1e-2))
    events = list(retrain(config))
    assert "'never' has no example" in events[0].problems[0]
    (kept,) = (tmp_path / "run" / FOLDER).iterdir()
    assert not (kept / OPTIMIZER).exists()
    model = load_model(str(kept), "cpu")
    assert model.decoder.config.classes == ("red", "old", "blue")
    result = json.loads((tmp_path / "run" / RUN_RESULT).read_text())
    assert result["images"] >= 1
    assert set(result["before"]) == {"background", "red", "old", "blue"}
    assert result["before"]["old"] is None
    assert result["mean_after"] > result["mean_before"] + 5


def test_it_starts_from_the_model_as_it_is(config, base):
    config = replace(config, fit=replace(config.fit, rate=1e-12))
    list(retrain(config))
    before = load_model(base, "cpu").decoder.state_dict()
    after = load_model(str(last_checkpoint(config.run).path), "cpu").decoder.state_dict()
    for name, value in before.items():
        kept = after[name][: len(value)]
        np.testing.assert_allclose(kept.numpy(), value.numpy(), atol=1e-5, err_msg=name)


def test_a_model_without_a_decoder_gets_one_for_the_folder(config, tmp_path):
    model = random_model(classes=())
    settings = replace(model.config, input_long_side=6 * model.backbone.patch, par_iterations=2)
    save_model(tmp_path / "clip", replace(model, config=settings))
    list(retrain(replace(config, model=str(tmp_path / "clip"), width=16)))
    trained = load_model(str(last_checkpoint(config.run).path), "cpu")
    assert trained.decoder.config.classes == ("red", "blue")


def test_it_goes_on_although_a_class_came_meanwhile(config, folder, tmp_path):
    events = retrain(replace(config, checkpoint_every=2))
    for _ in range(3):
        next(events)
    events.close()
    store = AnnotationStore(folder)
    store.ensure_class("new")
    for number in (7, 8):
        store.save(
            folder / f"{number}.png",
            Annotation(np.zeros(SIZE, np.uint8), np.zeros(SIZE, bool), ("new",)),
        )
    rest = list(retrain(replace(config, checkpoint_every=2)))
    assert [event.step for event in rest] == [3, 4, 5, 6, 7, 8]
    trained = load_model(str(last_checkpoint(config.run).path), "cpu")
    assert trained.decoder.config.classes == ("red", "old", "blue")


def test_the_annotations_are_left_as_they_are(config, folder):
    masks = folder / "weclip_masks"
    before = {path.name: path.read_bytes() for path in masks.iterdir() if path.suffix != ".sqlite"}
    list(retrain(config))
    after = {path.name: path.read_bytes() for path in masks.iterdir() if path.suffix != ".sqlite"}
    assert after == before


def test_held_out_images_that_do_not_fit_any_more_are_left_out(
    config, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("weclip_training.annotated.HELD_OUT_SHARE", 0.99)
    held_out = [image.path for image in plan_folder(folder).held_out]
    assert len(held_out) == 5
    write_image(held_out[0], np.zeros((20, 24, 3), np.uint8))
    list(retrain(config))
    result = json.loads((tmp_path / "run" / RUN_RESULT).read_text())
    assert result["images"] == 4
    assert result["mean_after"] is not None
    for path in held_out:
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match="Not one held-out image can be scored"):
        list(retrain(config))
    assert last_checkpoint(config.run).step == 8


def test_nothing_accepted_is_told(config, folder):
    for path in (folder / "weclip_masks").glob("*.png.json"):
        path.unlink()
    for path in (folder / "weclip_masks").glob("*.png.png"):
        path.unlink()
    with pytest.raises(UserError, match="Accept at least two"):
        list(retrain(config))


def test_the_command_line_prints_events_and_leaves_its_run_beside_the_images(folder, base, capsys):
    options = ["--model", base, "--device", "cpu", "--steps", "2", "--reviewed-only", "--events"]
    assert main(["retrain", str(folder), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
    (run,) = (folder / "weclip_models" / "runs").iterdir()
    assert (run / RUN_RESULT).exists()
    assert json.loads((run / "config.json").read_text())["data"]["selection"] == "reviewed"


def test_two_processes_name_one_run(folder, base):
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    options = ["--model", base, "--device", "cpu", "--steps", "1"]
    done = subprocess.run(
        [sys.executable, *launch, "-m", "weclip_training", "retrain", str(folder), *options],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (run,) = runs_folder(folder).iterdir()
    assert (run / RUN_RESULT).exists()


def test_a_run_that_another_process_is_at_is_left_alone(config):
    first, second = retrain(config), retrain(config)
    next(first)
    with pytest.raises(UserError, match="another process"):
        next(second)
    first.close()
    assert next(retrain(config)).step == 1
