"""Imports point one way, and only the GUI knows Qt."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "weclip_napari"
TRAINING = ROOT / "training" / "weclip_training"

GUI_LIBRARIES = {"qtpy", "PyQt5", "PyQt6", "PySide6", "superqt", "napari", "magicgui", "vispy"}
DEEP_LEARNING = {"torch", "torchvision", "open_clip", "timm"}
TRAINING_COMMANDS = ("weclip_training.cli", "weclip_training.reproduce.cli")
OURS_ABOVE = {"weclip_training", "weclip_napari.cli", "weclip_napari.gui"}

AREAS = {
    "core": (PACKAGE / "core", GUI_LIBRARIES | OURS_ABOVE),
    "session": (
        PACKAGE / "session",
        GUI_LIBRARIES | DEEP_LEARNING | OURS_ABOVE | {"weclip_napari.core"},
    ),
    "scenes": (
        PACKAGE / "scenes",
        GUI_LIBRARIES | DEEP_LEARNING | OURS_ABOVE | {"weclip_napari.core"},
    ),
    "pictures": (
        PACKAGE / "pictures",
        GUI_LIBRARIES | DEEP_LEARNING | OURS_ABOVE | {"weclip_napari.core"},
    ),
    "training": (TRAINING, GUI_LIBRARIES | {"weclip_napari.cli", "weclip_napari.gui"}),
    "cli": (PACKAGE / "cli", GUI_LIBRARIES),
    "top": (PACKAGE, GUI_LIBRARIES | OURS_ABOVE),
}


def sources(area: str) -> list[Path]:
    folder, _ = AREAS[area]
    return sorted(folder.glob("*.py") if area == "top" else folder.rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    """Dotted names of everything a file imports, at any depth, `from` targets included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute_base(path, node)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def absolute_base(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    root = TRAINING.parent if path.is_relative_to(TRAINING) else ROOT
    package = path.parent.relative_to(root).parts
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *(node.module.split(".") if node.module else [])])


def offences(path: Path, forbidden: set[str]) -> list[str]:
    return sorted(
        f"{path.relative_to(ROOT)} imports {name}"
        for name in imported_names(path)
        if any(name == word or name.startswith(word + ".") for word in forbidden)
    )


@pytest.mark.parametrize("area", AREAS)
def test_area_imports_only_what_it_may(area: str) -> None:
    _, forbidden = AREAS[area]
    files = sources(area)
    assert files
    assert [line for path in files for line in offences(path, forbidden)] == []


def test_nobody_imports_opencv() -> None:
    """Its bundled Qt plugins break napari's."""
    everything = [*PACKAGE.rglob("*.py"), *TRAINING.rglob("*.py")]
    assert [line for path in everything for line in offences(path, {"cv2"})] == []


def test_relative_imports_are_resolved(tmp_path: Path) -> None:
    node = ast.parse("from ..gui import widget").body[0]
    assert isinstance(node, ast.ImportFrom)
    assert absolute_base(PACKAGE / "core" / "cam.py", node) == "weclip_napari.gui"


def modules_without_torch() -> list[str]:
    paths = [
        path
        for area in ("cli", "session", "scenes", "pictures", "gui")
        for path in (PACKAGE / area).rglob("*.py")
    ]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    ours = {"weclip_napari", *(name.removesuffix(".__init__") for name in names)}
    return sorted(ours | set(TRAINING_COMMANDS))


def test_menus_and_help_load_no_torch() -> None:
    """Every module that napari or the command line imports at start leaves torch for later."""
    script = (
        "import importlib, sys\n"
        f"for name in {modules_without_torch()!r}: importlib.import_module(name)\n"
        f"for name in {('weclip_napari.cli', *TRAINING_COMMANDS)!r}:\n"
        "    sys.modules[name].build_parser().format_help()\n"
        "from npe2 import PluginManifest\n"
        "PluginManifest.from_distribution('weclip-napari')\n"
        f"print(sorted({DEEP_LEARNING!r} & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"
