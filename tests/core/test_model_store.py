"""Trained models: stored, in use, rolled back, handed on."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from weclip_napari.core.checkpoint import load_model, random_model, save_model
from weclip_napari.core.model_store import ModelStore, compare
from weclip_napari.errors import UserError


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "step-000010"
    save_model(folder, random_model(classes=("cat", "dog")))
    (folder / "optimizer.safetensors").write_bytes(b"not part of a model")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def test_a_model_is_stored_with_its_origin(store: ModelStore, trained: Path) -> None:
    model = store.add(trained, "first", parent="embedded", scores={"cat": 51.5, "dog": None})
    assert (model.name, model.classes, model.parent) == ("first", ("cat", "dog"), "embedded")
    assert model.scores == {"cat": 51.5, "dog": None}
    assert model.created
    assert not model.is_current
    assert load_model(str(model.path), "cpu").decoder is not None
    assert not (model.path / "optimizer.safetensors").exists()
    assert store.models() == [model]


def test_what_was_in_use_comes_back(store: ModelStore, trained: Path) -> None:
    for name in ("one", "two"):
        store.add(trained, name)
    assert store.current is None
    store.promote("one")
    assert store.promote("two").is_current
    assert not store.model("one").is_current
    assert ModelStore(store.folder).roll_back() == store.model("one")
    assert store.roll_back() is None
    assert store.current is None
    assert {model.name for model in store.models()} == {"one", "two"}
    with pytest.raises(UserError, match="nothing to go back to"):
        store.roll_back()


def test_a_model_in_use_is_not_deleted(store: ModelStore, trained: Path) -> None:
    for name in ("one", "two"):
        store.add(trained, name)
    store.promote("one")
    store.promote("two")
    with pytest.raises(UserError, match="in use"):
        store.delete("two")
    store.delete("one")
    assert [model.name for model in store.models()] == ["two"]
    assert store.roll_back() is None


def test_another_backbone_is_refused(store: ModelStore, trained: Path, tmp_path: Path) -> None:
    own = store.add(trained, "one").fingerprint
    assert store.promote("one", own).is_current
    with pytest.raises(UserError, match="another backbone"):
        store.promote("one", "0123456789abcdef")
    store.export("one", tmp_path / "one.zip")
    with pytest.raises(UserError, match="another backbone"):
        store.import_model(tmp_path / "one.zip", "two", "0123456789abcdef")
    assert [model.name for model in store.models()] == ["one"]


def test_a_model_travels_as_a_file(store: ModelStore, trained: Path, tmp_path: Path) -> None:
    model = store.add(trained, "mine", parent="embedded", scores={"cat": 60.0})
    archive = store.export("mine", tmp_path / "mine.zip")
    other = ModelStore(tmp_path / "elsewhere").import_model(archive)
    assert (other.name, other.scores, other.created) == ("mine", model.scores, model.created)
    assert load_model(str(other.path), "cpu").decoder is not None
    assert ModelStore(tmp_path / "third").import_model(trained, "folder").name == "folder"


def test_foreign_files_are_refused(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(UserError, match="cannot be read"):
        store.import_model(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("../evil.txt", "x")
    with pytest.raises(UserError, match="holds no model"):
        store.import_model(tmp_path / "other.zip")
    with pytest.raises(UserError, match="no checkpoint"):
        store.add(tmp_path, "nothing")
    assert store.models() == []
    assert not (tmp_path / "evil.txt").exists()


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b", "x" * 200])
def test_names_stay_in_the_folder(store: ModelStore, trained: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name"):
        store.add(trained, name)


def test_a_name_is_given_once(store: ModelStore, trained: Path) -> None:
    store.add(trained, "one")
    with pytest.raises(UserError, match="already"):
        store.add(trained, "one")
    with pytest.raises(UserError, match="it has: one"):
        store.model("two")


def test_a_damaged_model_does_not_hide_the_others(store: ModelStore, trained: Path) -> None:
    store.add(trained, "good")
    (store.add(trained, "bad").path / "config.json").write_text("{")
    assert [model.name for model in store.models()] == ["good"]
    (store.folder / "history.json").write_text("{")
    assert store.current is None


def test_an_unwritable_place_is_told(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="was not written"):
        ModelStore(tmp_path / "file").add(trained, "one")


def test_scores_side_by_side() -> None:
    assert compare({"a": 1.0, "b": 2.0}, {"b": 3.0, "c": None}) == [
        ("a", 1.0, None),
        ("b", 2.0, 3.0),
        ("c", None, None),
    ]
