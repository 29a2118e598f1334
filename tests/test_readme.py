"""What README tells people to type works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from weclip_training.cli import build_parser as build_training_parser
from weclip_training.reproduce.cli import build_parser as build_reproduction_parser

from weclip_napari.cli import build_parser, main
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.untrained import random_model
from weclip_napari.session.masks import read_mask

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
REPRODUCTION = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(program: str, text: str = README) -> list[list[str]]:
    lines = [
        shlex.split(line, comments=True)
        for block in blocks("bash", text)
        for line in block.splitlines()
    ]
    return [words[1:] for words in lines if words and words[0] == program]


@pytest.mark.parametrize("arguments", commands("weclip-napari"), ids=" ".join)
def test_commands_are_understood(arguments: list[str]) -> None:
    assert callable(build_parser().parse_args(arguments).run)


@pytest.mark.parametrize("arguments", commands("weclip-train"), ids=" ".join)
def test_training_commands_are_understood(arguments: list[str]) -> None:
    assert callable(build_training_parser().parse_args(arguments).configure)


@pytest.mark.parametrize(
    "arguments",
    [
        arguments
        for text in (README, TRAINING, REPRODUCTION)
        for arguments in commands("weclip-reproduce", text)
        if "--help" not in arguments
    ],
    ids=" ".join,
)
def test_reproduction_commands_are_understood(arguments: list[str]) -> None:
    assert build_reproduction_parser().parse_args(arguments).item == arguments[0]


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = [arguments[0] for arguments in commands("make")]
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(_: str) -> WeclipModel:
        return random_model(classes=("star", "boat"))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("weclip_napari.core.checkpoint.load_model", tiny)
    assert main(["scenes", "scenes", "--count", "1", "--size", "64"]) == 0
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})
    assert set(np.unique(read_mask(tmp_path / "mask.png"))) <= {0, 1, 2}
