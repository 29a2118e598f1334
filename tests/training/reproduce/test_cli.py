"""The command: tables from runs and scores, going on, time, bad input."""

import csv
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from statistics import mean, stdev

import pytest
from weclip_training.checkpoints import last_checkpoint
from weclip_training.reproduce import source as source_module
from weclip_training.reproduce import study as study_module
from weclip_training.reproduce import trained_runs
from weclip_training.reproduce.cli import build_parser, main, open_study
from weclip_training.reproduce.report import COLUMNS

from weclip_napari.core.checkpoint import load_model
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.session.dataset import read_dataset

SIZE = ["--images", "3", "--held-out", "2", "--batch", "2"]


@pytest.fixture
def words(tmp_path, tiny):
    options = ["--steps", "2", "--seeds", "2", "--model", str(tiny), "--device", "cpu"]
    return ["table4", "--out", str(tmp_path / "out"), *SIZE, *options]


def read_rows(out, item="table4"):
    with (out / f"{item}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kept_scores(out):
    """From the name of a run to its settings and mIoU, as kept."""
    scores = {}
    for path in (out / "scores").iterdir():
        content = json.loads(path.read_text())
        if "run" in content["key"]:
            scores[content["key"]["run"]] = content["values"]["decoder_untagged"]
    return scores


def weight_of(run):
    return json.loads((run / "config.json").read_text())["fit"]["affinity_weight"]


def test_a_table_holds_what_its_runs_score(words, tmp_path, capsys):
    assert main(words) == 0
    out = tmp_path / "out"
    rows = read_rows(out)
    assert tuple(rows[0]) == COLUMNS
    assert [row["setting"] for row in rows] == ["λ = 0", "λ = 0.1", "λ = 0.5", "λ = 1"]
    assert [row["paper"] for row in rows] == ["73.3", "74.9", "73.6", "72.9"]
    scores = kept_scores(out)
    assert len(scores) == 8
    for row, weight in zip(rows, (0.0, 0.1, 0.5, 1.0), strict=True):
        values = [scores[run] for run in scores if weight_of(out / "runs" / run) == weight]
        assert len(values) == int(row["seeds"]) == 2
        assert float(row["ours_mean"]) == pytest.approx(mean(values), abs=0.006)
        assert float(row["ours_std"]) == pytest.approx(stdev(values), abs=0.006)
        assert float(row["seconds"]) > 0
    run, score = next(iter(scores.items()))
    model = load_model(str(last_checkpoint(out / "runs" / run).path), "cpu")
    report = evaluate_dataset(model, read_dataset(out / "data" / "held-out-2"))
    assert report.miou["decoder_untagged"] == pytest.approx(score)
    told = capsys.readouterr().err
    assert re.search(r"^8 runs, about \d+ min$", told, flags=re.MULTILINE)
    assert re.findall(r"left: (\d) run", told) == list("76543210")


def test_the_page_says_what_made_the_table(words, tmp_path, tiny):
    assert main(words) == 0
    text = (tmp_path / "out" / "table4.md").read_text(encoding="utf-8")
    row = read_rows(tmp_path / "out")[1]
    ours = f"{float(row['ours_mean']):.1f}"
    assert re.search(rf"\| λ = 0.1 \| 74.9 \| {ours} ± \d+\.\d \| 2 \|", text)
    fingerprint = load_model(str(tiny), "cpu").backbone.fingerprint
    assert f"backbone {fingerprint}; 3 images to train on, 2 held out; 2 steps of 2" in text
    assert "Not the published" not in text  # nobody takes drawn scenes for the benchmark
    command = shlex.split(re.search(r"```bash\n(.*)\n```", text).group(1))
    assert command[0] == "weclip-reproduce"
    (tmp_path / "out" / "table4.md").unlink()
    assert main(command[1:]) == 0
    assert (tmp_path / "out" / "table4.md").read_text(encoding="utf-8") == text


def count_calls(monkeypatch, module, name):
    calls, original = [], getattr(module, name)

    def counted(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, counted)
    return calls


def test_nothing_is_done_twice(words, tmp_path, monkeypatch, capsys):
    trained = count_calls(monkeypatch, trained_runs, "train")
    scored = count_calls(monkeypatch, study_module, "evaluate_dataset")
    assert main(words) == 0
    first = (tmp_path / "out" / "table4.csv").read_text()
    assert (len(trained), len(scored)) == (8, 8)
    assert main(words) == 0
    assert (len(trained), len(scored)) == (8, 8)
    assert (tmp_path / "out" / "table4.csv").read_text() == first
    capsys.readouterr()
    words[0] = "table3"
    assert main(words) == 0
    assert "4 runs, about" in capsys.readouterr().err  # the default run is the one of table 4
    assert (len(trained), len(scored)) == (12, 12)


def test_after_an_interruption_only_the_rest_is_done(words, tmp_path, monkeypatch, capsys):
    trained = count_calls(monkeypatch, trained_runs, "train")
    scored, original = [], study_module.evaluate_dataset

    def interrupted(*args, **kwargs):
        if len(scored) == 3:
            raise KeyboardInterrupt
        scored.append(args)
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(study_module, "evaluate_dataset", interrupted)
        assert main(words) == 130
    assert "goes on where it stood" in capsys.readouterr().err
    assert len(trained) == 4
    assert not (tmp_path / "out" / "table4.csv").exists()
    again = count_calls(monkeypatch, study_module, "evaluate_dataset")
    assert main(words) == 0
    assert (len(trained), len(again)) == (8, 5)
    assert len(read_rows(tmp_path / "out")) == 4


def test_a_killed_training_goes_on_from_its_checkpoint(words, tmp_path, monkeypatch):
    words = ["figure3", *words[1:], "--seeds", "1", "--steps", "40"]
    script = (
        "import sys; from weclip_training.reproduce import cli, source\n"
        "source.CHECKPOINT_EVERY = 5; sys.exit(cli.main())"
    )
    monkeypatch.setattr(source_module, "CHECKPOINT_EVERY", 5)
    process = subprocess.Popen([sys.executable, "-c", script, *words], stderr=subprocess.DEVNULL)
    runs, deadline = tmp_path / "out" / "runs", time.monotonic() + 100
    while not list(runs.glob("*/checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (started,) = runs.iterdir()
    stood = last_checkpoint(started).step
    assert 5 <= stood < 40
    events, original = [], trained_runs.train

    def followed(config):
        for event in original(config):
            events.append((config.run, event.step))
            yield event

    monkeypatch.setattr(trained_runs, "train", followed)
    assert main(words) == 0
    assert [step for run, step in events if run == str(started)] == list(range(stood + 1, 41))
    assert len(events) == 40 - stood + 40
    assert [row["setting"] for row in read_rows(tmp_path / "out", "figure3")] == [
        "masks",
        "tags alone",
    ]


def test_what_cannot_be_done_is_told(words, tmp_path, tree, capsys):
    def told(*changes):
        assert main([*words, *changes]) == 2
        return capsys.readouterr().err

    assert "--root" in told("--dataset", "voc")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"'{empty}' is not laid out like PASCAL VOC" in told(
        "--dataset", "voc", "--root", str(empty)
    )
    assert "no meaning" in told("--root", str(tree))
    (tmp_path / "file").write_text("in the way")
    assert str(tmp_path / "file") in told("--out", str(tmp_path / "file" / "out"))
    assert "nowhere" in told("--model", "./nowhere")
    words[0] = "adaptation"
    assert "scenes only" in told("--dataset", "voc", "--root", str(tree))


def test_a_tree_is_known_by_its_whole_path(words, tree, monkeypatch):
    """A run must not be found done for another tree of the same relative name."""
    monkeypatch.chdir(tree.parent)
    words += ["--dataset", "voc", "--root", tree.name]
    study = open_study(build_parser().parse_args(words))
    assert study.config(1).data.root == str(tree.resolve())


def test_unknown_names_are_refused(words, capsys):
    for changed in (["table9", *words[1:]], [*words, "--dataset", "ade"], [*words, "--seeds", "0"]):
        with pytest.raises(SystemExit):
            main(changed)
    assert "invalid choice: 'table9'" in capsys.readouterr().err


def test_a_damaged_score_is_told(words, tmp_path, capsys):
    assert main(words) == 0
    for path in (tmp_path / "out" / "scores").iterdir():
        path.write_text("{")
    assert main(words) == 2
    assert "delete it to work it out anew" in capsys.readouterr().err
