from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import Run
from weclip_napari.core.model_store import ModelStore
from weclip_napari.session.folder_models import models_folder


@pytest.fixture
def store(images: Path, model_folder: Path) -> ModelStore:
    store = ModelStore(models_folder(images))
    store.add(model_folder, "one", parent="embedded", scores={"disc": 50.0})
    store.add(model_folder, "two", parent="one", scores={"disc": 60.5})
    return store


def test_trained_models_are_managed(
    run: Run, images: Path, store: ModelStore, tmp_path: Path
) -> None:
    def models(*args: object) -> str:
        code, out, err = run("models", *args, "--folder", images)
        assert (code, out) == (0, ""), err
        return err

    assert "60.5" in models("trained")
    assert models("compare", "one", "two").split()[-3:] == ["disc", "50.0", "60.5"]
    models("promote", "one")
    models("promote", "two")
    assert store.current == store.model("two")
    assert "'one' is in use again" in models("rollback")
    models("export", "two", tmp_path / "new.zip")
    models("import", tmp_path / "new.zip")
    models("delete", "two")
    assert sorted(model.name for model in store.models()) == ["new", "one"]


def test_errors_are_named(run: Run, images: Path, store: ModelStore) -> None:
    code, _, err = run("models", "promote", "three", "--folder", images)
    assert code == 2
    assert "no model 'three'" in err


def test_the_users_own_models(run: Run, model_folder: Path) -> None:
    code, _, err = run("models", "trained")
    assert code == 0
    assert "no models" in err
    assert run("models", "import", model_folder)[0] == 0
    code, out, err = run("models", "--json")
    assert f'"model": "{model_folder.name}"' in out
