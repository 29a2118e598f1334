from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.helpers import Run, random_image
from weclip_napari.cli import main
from weclip_napari.core.storage import save_model
from weclip_napari.core.untrained import random_model
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import write_mask

CLASSES = ("disc", "ring", "star")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a tiny random model with a decoder of three classes."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    save_model(folder, random_model(classes=CLASSES))
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of three images, one in a sub-folder."""
    folder = tmp_path / "my images"
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(["a 1.png", "sub/ü'2.jpg", "b3.png"]):
        write_image(folder / name, random_image(seed))
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data set folder of four images, tagged with what their masks hold."""
    folder = tmp_path / "data set"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    lines = ["image,tags"]
    for seed, tags in enumerate([(1,), (2,), (1, 3), (2, 3)]):
        mask = np.zeros((40, 56), np.uint8)
        for place, label in enumerate(tags):
            mask[8:30, 4 + 26 * place : 24 + 26 * place] = label
        mask[0] = 255
        write_image(folder / "images" / f"{seed}.png", random_image(seed))
        write_mask(folder / "masks" / f"{seed}.png", mask)
        lines.append(f"{seed}.png,{' '.join(CLASSES[label - 1] for label in tags)}")
    (folder / "tags.csv").write_text("\n".join(lines) + "\n")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; returns exit code, standard output and standard error."""

    def command(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as leaving:  # argparse leaves by itself
            code = int(leaving.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return command
