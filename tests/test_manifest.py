"""napari finds the plugin, from an editable install and from the wheel."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from npe2 import PluginManager, PluginManifest

ROOT = Path(__file__).parents[1]


def test_manifest_is_valid_and_its_python_names_exist() -> None:
    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == "weclip-napari"


def test_manifest_in_the_package_is_the_one_at_the_root() -> None:
    link = ROOT / "weclip_napari" / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "napari.yaml"


def test_project_entry_point_and_manifest_share_one_name() -> None:
    (entry,) = [
        entry
        for entry in importlib.metadata.entry_points(group="napari.manifest")
        if entry.value.startswith("weclip_napari")
    ]
    assert (entry.name, entry.value) == ("weclip-napari", "weclip_napari:napari.yaml")
    assert importlib.metadata.version("weclip-napari")


def test_installed_plugin_is_discovered() -> None:
    manager = PluginManager()
    manager.discover()
    manifest = manager.get_manifest("weclip-napari")
    assert [widget.display_name for widget in manifest.contributions.widgets or []] == [
        "Annotator",
        "Keys",
    ]
    assert [sample.key for sample in manifest.contributions.sample_data or []] == ["drawn_scenes"]


def test_everything_contributed_names_a_command_of_the_manifest() -> None:
    contributions = PluginManifest.from_file(ROOT / "napari.yaml").contributions
    commands = {command.id for command in contributions.commands or []}
    named = {
        item.command
        for kind in ("widgets", "readers", "writers", "sample_data")
        for item in getattr(contributions, kind)
    }
    in_menus = {item.command for items in contributions.menus.values() for item in items}
    assert named | in_menus == commands
    assert set(contributions.menus) == {"napari/layers/annotate", "napari/layers/segment"}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from this working tree."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = out.glob("weclip_napari-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_manifest_library_and_training(wheel_names: set[str]) -> None:
    assert {
        "weclip_napari/napari.yaml",
        "weclip_napari/py.typed",
        "weclip_napari/session/atomic.py",
        "weclip_training/__init__.py",
    } <= wheel_names


def test_wheel_holds_every_asset(wheel_names: set[str]) -> None:
    assets = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "weclip_napari" / "assets").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert assets
    assert assets <= wheel_names


def test_wheel_holds_no_tests(wheel_names: set[str]) -> None:
    assert not [name for name in wheel_names if name.startswith("tests")]
