"""Whole runs in their folders: results, going on, several processes, bad input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from weclip_training.checkpoints import FOLDER, OPTIMIZER, last_checkpoint
from weclip_training.cli import main
from weclip_training.config import DataConfig, FitConfig, TrainConfig, ViewConfig
from weclip_training.ordering import image_at
from weclip_training.recording import CURVES, METRICS, REPORT, read_metrics, record
from weclip_training.runs import train
from weclip_training.setup import load_base

from weclip_napari.core.checkpoint import load_model, random_model, save_model
from weclip_napari.core.classes import COCO_BACKGROUND
from weclip_napari.core.config import AffinityConfig
from weclip_napari.errors import UserError
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import write_mask

CLASSES = ("red", "blue")
SIZE = (40, 48)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WECLIP_NAPARI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = random_model(classes=CLASSES)
    config = replace(model.config, input_long_side=6 * model.backbone.patch, par_iterations=2)
    save_model(folder, replace(model, config=config))
    return folder


def write_dataset(folder, count=6):
    """Half of each image is red or blue, as its tag says."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    lines = ["image,tags"]
    for number in range(count):
        mask = np.zeros(SIZE, np.uint8)
        mask[:, (number // 2 % 2) * 24 :][:, :24] = number % 2 + 1
        image = np.random.default_rng(number).integers(0, 60, (*SIZE, 3))
        image[..., 0] += 150 * (mask == 1)
        image[..., 2] += 150 * (mask == 2)
        write_image(folder / "images" / f"{number}.png", image.astype(np.uint8))
        write_mask(folder / "masks" / f"{number}.png", mask)
        lines.append(f"{number}.png,{CLASSES[number % 2]}")
    (folder / "tags.csv").write_text("\n".join(lines) + "\n")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return folder


@pytest.fixture
def config(tmp_path, backbone):
    data = write_dataset(tmp_path / "data")
    return TrainConfig(
        run=str(tmp_path / "run"),
        data=DataConfig(str(data), held_out=str(data)),
        model=str(backbone),
        device="cpu",
        width=16,
        fit=FitConfig(steps=6, batch=2, warmup=2, seed=3),
        checkpoint_every=2,
    )


def losses(events):
    return [event.total for event in events]


def test_a_run_leaves_a_model_and_its_figures(config, tmp_path):
    events = list(record(config, train(config)))
    assert [event.step for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events if event.checkpoint] == [2, 4, 6]
    assert set(events[-1].metrics) == {"pseudo_label", "decoder", "decoder_untagged"}
    run = tmp_path / "run"
    names = {path.name for path in run.iterdir()}
    assert {
        "config.json",
        "metrics.csv",
        "curves.png",
        "report.md",
        "checkpoints",
        "tensorboard",
    } <= names
    rows = read_metrics(run / METRICS)
    assert [row["total"] for row in rows] == losses(events)
    assert [row["decoder"] for row in rows[:5]] == [None] * 5
    model = load_model(str(events[-1].checkpoint), "cpu")
    assert model.decoder.config.classes == CLASSES
    assert TrainConfig.from_json(json.loads((run / "config.json").read_text())) == config


@pytest.mark.parametrize("crop", [None, 32])
@pytest.mark.parametrize("supervision", ["weak", "full"])
def test_it_learns(config, supervision, crop):
    views = ViewConfig() if crop is None else ViewConfig(crop, (0.9, 1.1))
    fit = replace(config.fit, steps=60, batch=3)
    config = replace(config, supervision=supervision, views=views, fit=fit, checkpoint_every=0)
    events = list(train(config))
    first, last = (np.mean([e.segmentation for e in part]) for part in (events[:5], events[-5:]))
    assert last < 0.8 * first
    if supervision == "full":
        assert events[-1].metrics["decoder_untagged"] > 60


def test_a_run_that_was_broken_off_goes_on_as_if_it_had_not_been(config, tmp_path):
    whole = list(train(replace(config, run=str(tmp_path / "whole"))))
    events = record(config, train(config))
    first = [next(events) for _ in range(5)]
    events.close()
    rest = list(record(config, train(config)))
    assert [event.step for event in rest] == [5, 6]
    assert losses(first[:4]) + losses(rest) == losses(whole)
    rows = read_metrics(tmp_path / "run" / METRICS)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert list(train(config)) == []


def test_a_line_of_figures_that_was_cut_short_is_left_out(config, tmp_path):
    events = record(config, train(config))
    for _ in range(4):
        next(events)
    events.close()
    with (tmp_path / "run" / METRICS).open("a") as file:
        file.write("5,2.0e-")
    list(record(config, train(config)))
    lines = (tmp_path / "run" / METRICS).read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3", "4", "5", "6"]


def test_a_run_that_was_killed_before_its_report_still_gets_it(config, tmp_path):
    list(record(config, train(config)))
    names = (CURVES, REPORT)
    reports = [(tmp_path / "run" / name).read_bytes() for name in names]
    for name in names:
        (tmp_path / "run" / name).unlink()
    assert list(record(config, train(config))) == []
    assert [(tmp_path / "run" / name).read_bytes() for name in names] == reports


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_of_a_run_that_is_done_only_the_model_stays(config, tmp_path):
    checkpoints = tmp_path / "run" / FOLDER
    events = train(config)
    for event in events:
        if event.step == 4:
            assert names_in(checkpoints) == ["step-000002", "step-000004"]
            assert (checkpoints / "step-000004" / OPTIMIZER).exists()
    assert names_in(checkpoints) == ["step-000006"]
    assert not (checkpoints / "step-000006" / OPTIMIZER).exists()
    load_model(str(checkpoints / "step-000006"), "cpu")


def test_what_a_run_killed_at_its_end_left_over_is_cleared_up(config, tmp_path):
    list(train(config))
    checkpoints = tmp_path / "run" / FOLDER
    shutil.copytree(checkpoints / "step-000006", checkpoints / "step-000004")
    (checkpoints / "step-000006" / OPTIMIZER).write_bytes(b"moments")
    assert list(train(config)) == []
    assert names_in(checkpoints) == ["step-000006"]
    assert not (checkpoints / "step-000006" / OPTIMIZER).exists()


def test_after_the_switch_a_run_goes_on_alike(config, tmp_path):
    config = replace(config, fit=replace(config.fit, switch_step=3), views=ViewConfig(cache_mib=1))
    whole = list(train(replace(config, run=str(tmp_path / "whole"))))
    events = train(config)
    first = [next(events) for _ in range(4)]
    events.close()
    assert losses(first) + losses(train(config)) == losses(whole)


def test_kept_views_train_as_new_ones_do(config, tmp_path):
    fresh = replace(config, run=str(tmp_path / "fresh"), views=ViewConfig(cache_mib=0))
    assert losses(train(config)) == losses(train(fresh))
    again = replace(config, run=str(tmp_path / "again"))
    assert losses(train(again)) == losses(train(replace(fresh, run=str(tmp_path / "more"))))


def command(config, tmp_path):
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / "config.json").write_text(json.dumps(config.to_json()))
    return ["-m", "weclip_training", "resume", str(tmp_path / "run")]


def test_killing_a_run_loses_no_checkpoint(config, tmp_path):
    config = replace(config, fit=replace(config.fit, steps=400))
    process = subprocess.Popen([sys.executable, *command(config, tmp_path)], stderr=subprocess.PIPE)
    checkpoints = tmp_path / "run" / FOLDER
    deadline = time.monotonic() + 60
    while not list(checkpoints.glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stood = last_checkpoint(config.run)
    events = train(config)
    assert next(events).step == stood.step + 1
    events.close()
    whole = train(replace(config, run=str(tmp_path / "whole")))
    expected = [next(whole).total for _ in range(stood.step + 2)]
    whole.close()
    events = train(config)
    # the killed process had one thread, which adds up in another order
    assert [next(events).total for _ in range(2)] == pytest.approx(expected[-2:], rel=1e-5)


def launch_two(config, tmp_path):
    """Train in two processes; on CPUs, Accelerate starts more than one only when asked this way."""
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    return subprocess.run(
        [sys.executable, *launch, *command(replace(config, device=None), tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        timeout=300,
    )


def test_two_processes_do_what_one_does(config, tmp_path):
    config = replace(config, fit=replace(config.fit, batch=4))
    alone = losses(train(replace(config, run=str(tmp_path / "alone"))))
    done = launch_two(config, tmp_path)
    assert done.returncode == 0, done.stderr
    rows = read_metrics(tmp_path / "run" / METRICS)
    assert [row["total"] for row in rows] == pytest.approx(alone, rel=1e-4)


def test_a_batch_that_two_processes_cannot_share_is_refused(config, tmp_path):
    done = launch_two(replace(config, fit=replace(config.fit, batch=3)), tmp_path)
    assert done.returncode != 0
    assert "(2 processes, 1 parts each)" in done.stderr


def test_what_either_process_leaves_out_is_told(config, tmp_path):
    fit = replace(config.fit, steps=1, batch=6)
    for place in (0, 1):  # the processes take turns in a batch
        number = image_at(place, (range(6),), fit.seed)
        (tmp_path / "data" / "images" / f"{number}.png").write_bytes(b"broken")
    data = replace(config.data, held_out=None)
    done = launch_two(replace(config, data=data, fit=fit), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / REPORT).read_text().count("cannot be read as an image") == 2


def test_a_damaged_image_is_left_out_and_told(config, tmp_path):
    (tmp_path / "data" / "images" / "3.png").write_bytes(b"broken")
    events = list(train(replace(config, data=replace(config.data, held_out=None))))
    problems = [problem for event in events for problem in event.problems]
    assert len(problems) == 1
    assert "3.png" in problems[0]


def problems_of(events):
    return [problem for event in events for problem in event.problems]


@pytest.mark.parametrize("crop", [None, 2])
def test_an_image_smaller_than_a_patch_is_named(config, tmp_path, crop):
    if crop is None:
        write_image(tmp_path / "data" / "images" / "3.png", np.zeros((1, 1, 3), np.uint8))
        write_mask(tmp_path / "data" / "masks" / "3.png", np.zeros((1, 1), np.uint8))
        problems = problems_of(train(config))
        assert sum("3.png: The image has 1 x 1 pixels" in problem for problem in problems) == 1
    else:
        views = ViewConfig(crop, (0.9, 1.1))
        with pytest.raises(UserError, match=r"png: The image has 2 x 2 pixels"):
            next(train(replace(config, views=views)))


def test_an_image_that_is_gone_meanwhile_is_left_out_and_named(config, tmp_path):
    config = replace(config, data=replace(config.data, held_out=None))
    events = record(config, train(config))
    next(events)
    for number in range(5):
        (tmp_path / "data" / "images" / f"{number}.png").unlink()
    problems = problems_of(events)
    assert len(problems) == 5
    assert all("cannot be read" in problem for problem in problems)
    assert "4.png" in (tmp_path / "run" / REPORT).read_text()


def test_held_out_images_that_are_gone_cost_no_training(config, tmp_path):
    held_out = write_dataset(tmp_path / "held")
    config = replace(config, data=replace(config.data, held_out=str(held_out)), evaluate_every=3)
    events = train(config)
    first = next(events)
    (held_out / "masks" / "1.png").unlink()
    middle = [next(events), next(events)]
    assert "1.png" in middle[-1].problems[0]
    assert middle[-1].metrics
    shutil.rmtree(held_out / "masks")
    rest = list(events)
    assert problems_of([first, *middle[:-1], *rest[:-1]]) == []
    assert "no image that can be scored" in rest[-1].problems[0]
    assert last_checkpoint(config.run).step == 6


def test_a_data_set_without_a_usable_image_is_refused(config, tmp_path):
    for image in (tmp_path / "data" / "images").iterdir():
        image.write_bytes(b"broken")
    with pytest.raises(UserError, match="Not one of the 6 images"):
        next(train(config))


def test_a_run_folder_with_other_settings_is_left_alone(config, tmp_path):
    list(record(config, train(config)))
    other = replace(config, first_layer=2)
    for events in (train(other), record(other, train(other))):
        with pytest.raises(UserError, match="other settings"):
            next(events)
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert TrainConfig.from_json(kept) == config


def test_a_run_does_not_go_on_with_another_backbone(config, tmp_path, backbone):
    model = shutil.copytree(backbone, tmp_path / "model")
    config = replace(config, model=str(model))
    events = train(config)
    for _ in range(2):
        next(events)
    events.close()
    save_model(model, random_model(classes=CLASSES, seed=7))
    with pytest.raises(UserError, match="was trained on the backbone"):
        next(train(config))


def test_a_folder_that_cannot_be_written_is_told(config, tmp_path):
    (tmp_path / "file").write_text("in the way")
    config = replace(config, run=str(tmp_path / "file" / "run"))
    with pytest.raises(UserError, match="cannot be written"):
        next(record(config, train(config)))
    with pytest.raises(UserError, match="was not written"):
        list(train(config))


def test_a_layer_that_is_not_there_is_refused(config):
    with pytest.raises(UserError, match="N0 cannot be 9"):
        next(train(replace(config, first_layer=9)))


def test_the_command_line_trains_and_goes_on(config, tmp_path, backbone, capsys):
    data, run = str(tmp_path / "data"), str(tmp_path / "cli")
    options = ["--model", str(backbone), "--device", "cpu", "--steps", "2", "--batch", "2"]
    assert main(["full", data, "--run", run, "--held-out", data, *options]) == 0
    assert "held-out mIoU" in capsys.readouterr().err
    assert last_checkpoint(run).step == 2
    assert main(["resume", run]) == 0
    assert main(["weak", data, "--run", run, *options]) == 2
    assert "other settings" in capsys.readouterr().err
    assert main(["resume", str(tmp_path)]) == 2


def test_the_trained_model_keeps_its_test_time_views(config):
    config = replace(config, scales=(0.5, 1.0), flip=True)
    events = list(train(config))
    model = load_model(str(events[-1].checkpoint), "cpu")
    assert (model.config.scales, model.config.flip) == ((0.5, 1.0), True)


def test_a_benchmark_replaces_the_models_background_words_and_affinity(config):
    own = load_base(config).config
    coco = load_base(replace(config, benchmark="coco")).config
    assert coco.background_words == COCO_BACKGROUND
    assert coco.affinity == AffinityConfig(last_filter=10, box_threshold=0.7)
    assert coco.input_long_side == own.input_long_side
    events = list(train(replace(config, benchmark="coco")))
    assert load_model(str(events[-1].checkpoint), "cpu").config == coco


def test_a_missing_crf_is_told_before_training(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(UserError, match="crf"):
        next(train(replace(config, crf=True)))


def test_without_a_cache_nothing_is_kept(config, tmp_path):
    list(train(replace(config, views=ViewConfig(cache_mib=0))))
    assert not (tmp_path / "home" / "cache").exists()
