"""napari's preferences of the plugin become the annotator's settings."""

from pathlib import Path

import pytest
from napari._qt.dialogs.preferences_dialog import PreferencesDialog
from napari.layers import Labels
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from weclip_napari.gui import tooltips
from weclip_napari.gui.settings import PLUGIN, Settings, read_settings, usable_keys, watch_settings
from weclip_napari.gui.tooltips import KEYS, explain, explain_again, use_keys

MANIFEST = Path(__file__).parents[2] / "napari.yaml"


@pytest.fixture
def stored(plugin_settings, npe2pm):
    """What napari stores for us, in a folder of the test's own."""
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    return get_plugin_settings(PLUGIN)


@pytest.fixture
def own_keys(monkeypatch):
    monkeypatch.setattr(tooltips, "_in_use", dict(KEYS))


def test_the_manifest_repeats_every_default(stored):
    assert list(type(stored.keys).model_fields) == list(KEYS)
    assert read_settings() == Settings()


def test_preferences_reach_the_annotator_and_last(stored):
    stored.model.weights = "~/clip.pt"
    stored.model.device = "cuda:1"
    stored.work.autosave_seconds = 5
    stored.work.propose_on_open = False
    stored.keys.next = "shift-right"
    settings = read_settings()
    assert settings.weights == Path.home() / "clip.pt"
    assert (settings.device, settings.autosave_seconds) == ("cuda:1", 5)
    assert not settings.propose_on_open
    assert settings.keys["next"] == "Shift+Right"
    assert settings.notes == ()
    assert "autosave_seconds: 5" in stored.config_path.read_text()


def test_a_stored_value_out_of_range_is_the_default(plugin_settings, npe2pm, tmp_path):
    (tmp_path / "weclip-napari.yaml").write_text(
        "work:\n  autosave_seconds: -3\n  propose_on_open: false\n"
    )
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    assert read_settings() == Settings(propose_on_open=False)


def test_without_the_plugin_in_napari_the_defaults_hold(plugin_settings, npe2pm):
    assert read_settings() == Settings()
    watch_settings(lambda: None)()


def test_changes_are_told_until_the_watch_ends(stored):
    told = []
    end = watch_settings(lambda: told.append(read_settings().keys["save"]))
    stored.keys.save = "F5"
    end()
    stored.keys.save = "F6"
    assert told == ["F5"]


@pytest.mark.parametrize(
    ("wanted", "key", "words"),
    [
        ({"save": "rhubarb"}, "S", "no key that napari knows"),
        ({"save": "Ctrl"}, "S", "no key that napari knows"),
        ({"save": "Ctrl+K S"}, "S", "no key that napari knows"),
        ({"save": "A"}, "S", "already the key of 'previous'"),
        ({"previous": "S", "save": "rhubarb"}, "", "no key is used"),
    ],
)
def test_keys_that_cannot_be_used_fall_back_with_a_note(wanted, key, words):
    notes = []
    keys = usable_keys(KEYS | wanted, notes)
    (note,) = notes
    assert keys["save"] == key
    assert words in note
    assert "Preferences → WeCLIP for napari" in note
    assert len({*keys.values()} - {""}) == len([key for key in keys.values() if key])


def test_keys_can_be_exchanged_and_taken_away():
    notes = []
    keys = usable_keys(KEYS | {"previous": "D", "next": "A", "skip": " "}, notes)
    assert (keys["previous"], keys["next"], keys["skip"]) == ("D", "A", "")
    assert notes == []


def test_keys_of_the_labels_layer_are_neither_ours_nor_taken(make_napari_viewer):
    make_napari_viewer()
    assert not {str(binding) for binding in Labels.class_keymap} & {*KEYS.values()}
    notes = []
    assert usable_keys(KEYS | {"save": "p"}, notes) == KEYS
    assert "Labels layer" in notes[0]


def test_tooltips_follow_the_keys(qtbot, own_keys):
    panel = QWidget()
    qtbot.addWidget(panel)
    QVBoxLayout(panel)
    for name, widget in (("save", QPushButton()), ("skip", QPushButton()), ("model", QLabel())):
        panel.layout().addWidget(widget)
        explain(widget, name)
    use_keys({"save": "F5", "skip": ""})
    explain_again(panel)
    tips = [widget.toolTip() for widget in panel.findChildren(QWidget)]
    assert "Key: F5." in tips[0]
    assert "Key" not in tips[1] + tips[2]


def test_napari_draws_the_form(stored, qtbot):
    dialog = PreferencesDialog()
    qtbot.addWidget(dialog)
    titles = [label.text() for label in dialog.findChildren(QLabel)]
    assert {"Weights file", "Save every so many seconds", "Accept and next"} <= set(titles)
