"""File → Open Sample → Drawn scenes."""

from pathlib import Path

from npe2 import PluginManifest

from weclip_napari.gui import samples
from weclip_napari.gui.launch import dock_annotator

MANIFEST = Path(__file__).parents[2] / "napari.yaml"


def test_the_sample_folder_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "COUNT", 2)
    monkeypatch.setattr(samples, "SIDE", 64)
    folder = samples.sample_folder(tmp_path)
    assert len(list((folder / "images").iterdir())) == 2
    made = (folder / "tags.csv").stat().st_mtime_ns
    assert samples.sample_folder(tmp_path) == folder
    assert (folder / "tags.csv").stat().st_mtime_ns == made


def test_opening_the_sample_opens_the_annotator(
    make_napari_viewer, npe2pm, engine, qtbot, tmp_path, monkeypatch
):
    monkeypatch.setattr(samples, "COUNT", 2)
    monkeypatch.setattr(samples, "SIDE", 64)
    monkeypatch.setattr(samples, "user_data_path", lambda *_, **__: tmp_path)
    viewer = make_napari_viewer()
    widget = dock_annotator(viewer, engine)
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    viewer.open_sample(samples.PLUGIN, samples.SAMPLE)
    qtbot.waitUntil(lambda: widget.annotator.workspace is not None)
    shown = ["image", "proposal"]
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == shown, timeout=60_000)
    qtbot.waitUntil(lambda: not widget.annotator.jobs.is_busy)
