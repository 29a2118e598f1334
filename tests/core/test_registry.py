from pathlib import Path

import pytest

from weclip_napari.core import mini
from weclip_napari.core.checkpoint import random_model, save_decoder, save_model
from weclip_napari.core.registry import Entry, list_models


def entries() -> dict[str, Entry]:
    return {entry.spec: entry for entry in list_models()}


def test_published_models_are_listed_once_under_the_right_activation() -> None:
    specs = [entry.spec for entry in list_models()]
    assert len(specs) == len(set(specs))
    assert "ViT-B-16-quickgelu/openai" in specs
    assert "ViT-B-16/openai" not in specs
    assert not any(spec.startswith(("RN50", "ViT-B-16-SigLIP")) for spec in specs)


def test_nothing_is_present_on_a_fresh_machine() -> None:
    entry = entries()["ViT-B-16-quickgelu/openai"]
    assert (entry.kind, entry.path, entry.licence) == ("open_clip", None, "MIT")
    assert entry.classes == ()


def test_users_checkpoints(tmp_path: Path) -> None:
    folder = tmp_path / "weclip" / "checkpoints"
    model = random_model()
    save_model(folder / "whole", model)
    save_decoder(folder / "alone.safetensors", model.decoder, model.backbone, model.config)
    (folder / "notes.txt").touch()
    (folder / "damaged").mkdir()
    (folder / "damaged" / "config.json").write_text("{")
    mine = {spec: entry for spec, entry in entries().items() if entry.kind == "checkpoint"}
    assert mine.keys() == {"whole", "alone"}
    assert mine["whole"].classes == mine["alone"].classes == ("disc", "ring", "star")
    assert mine["whole"].size > mine["alone"].size > 0
    assert mine["whole"].path == folder / "whole"


def test_embedded_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path, random_model())
    monkeypatch.setattr(mini, "FOLDER", tmp_path)
    assert (list_models()[0].spec, list_models()[0].kind) == ("embedded", "embedded")
