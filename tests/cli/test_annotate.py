"""``weclip-napari FOLDER`` opens the annotator; the window itself is tested in tests/gui."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import Run
from weclip_napari.cli import annotate

Opened = list[tuple[object, ...]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """What windows would have been opened with."""
    from weclip_napari.gui import launch

    calls: Opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(launch, "open_annotator", lambda *args: calls.append(args))
    return calls


def test_a_folder_alone_is_annotated(run: Run, opened: Opened, tmp_path: Path) -> None:
    assert run(tmp_path)[0] == 0
    assert run("annotate", tmp_path)[0] == 0
    assert opened == [(tmp_path, None, None, None)] * 2


def test_options_reach_the_window(run: Run, opened: Opened, tmp_path: Path) -> None:
    options = ("--model", "ViT-B-16-quickgelu/openai", "--weights", "w.pt", "--device", "cpu")
    assert run(tmp_path, *options)[0] == 0
    assert run("annotate")[0] == 0
    assert opened == [
        (tmp_path, "ViT-B-16-quickgelu/openai", Path("w.pt"), "cpu"),
        (None, None, None, None),
    ]


def test_a_command_wins_over_a_folder_of_its_name(
    run: Run, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run("models", "--json")[0] == 0
    assert opened == []
    assert run("./models")[0] == 0
    assert opened == [(Path("models"), None, None, None)]


def test_a_missing_folder_is_named(run: Run, opened: Opened, tmp_path: Path) -> None:
    code, _, err = run("annotate", tmp_path / "nothing here")
    assert (code, opened) == (2, [])
    assert f"'{tmp_path / 'nothing here'}' is no folder" in err


@pytest.mark.parametrize("command", [("annotate",), ("bench", "gui")])
def test_without_a_screen_it_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(annotate.sys, "platform", "linux")
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "xvfb-run -a weclip-napari" in err


def test_without_qt_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setitem(__import__("sys").modules, "weclip_napari.gui.launch", None)
    code, _, err = run("annotate")
    assert code == 2
    assert "pip install 'weclip-napari[all]'" in err
