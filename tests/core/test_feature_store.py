import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from weclip_napari.core.feature_store import FeatureStore

MIB = 2**20


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "cache" / "features", 4 * MIB)


def quarter(value: float = 0.0) -> dict[str, torch.Tensor]:
    """Tensors of a little under 1 MiB."""
    return {
        "maps": torch.full((500, 500), float(value)),
        "ids": torch.arange(5),
        "half": torch.ones(3).half(),
    }


def age(store: FeatureStore, key: str, seconds: float) -> None:
    path = store._path(key)
    stamp = path.stat().st_mtime - seconds
    os.utime(path, (stamp, stamp))


def size(store: FeatureStore) -> int:
    return sum(path.stat().st_size for path in store.folder.iterdir())


def test_what_was_saved_comes_back(store: FeatureStore) -> None:
    assert store.load("a") is None
    store.save("a", quarter(1.5))
    loaded = FeatureStore(store.folder, store.max_bytes).load("a")
    assert loaded is not None
    for name, tensor in quarter(1.5).items():
        assert torch.equal(loaded[name], tensor)
        assert loaded[name].dtype == tensor.dtype
    assert store.load("b") is None


def test_keys_of_any_kind(store: FeatureStore) -> None:
    keys = ["a/b", "ä" * 500, "a b\n", "CON"]
    for number, key in enumerate(keys):
        store.save(key, {"x": torch.tensor([number])})
    assert [int(store.load(key)["x"]) for key in keys] == [0, 1, 2, 3]


def test_those_used_longest_ago_make_room(store: FeatureStore) -> None:
    for number, key in enumerate("abcd"):
        store.save(key, quarter(number))
        age(store, key, 100 - number)
    assert store.load("a") is not None  # used now
    store.save("e", quarter(9))
    assert size(store) <= store.max_bytes
    assert [store.load(key) is not None for key in "abcde"] == [True, False, True, True, True]


def test_saving_again_does_not_add_up(store: FeatureStore) -> None:
    for number in range(6):
        store.save("a", quarter(number))
    assert size(store) < 2 * MIB
    assert store.load("a")["maps"][0, 0] == 5


def test_too_large_or_no_room_at_all(store: FeatureStore) -> None:
    store.save("a", {"x": torch.zeros(2 * MIB)})
    assert store.load("a") is None
    nothing = FeatureStore(store.folder, 0)
    nothing.save("a", quarter())
    assert nothing.save_later("a", quarter()) is None
    assert not store.folder.exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "other key"])
def test_a_damaged_file_is_missing_and_removed(store: FeatureStore, damage: str) -> None:
    store.save("a", quarter(2.0))
    path = store._path("a")
    data = bytearray(path.read_bytes())
    if damage == "other key":
        store.save("b", quarter(3.0))
        data = bytearray(store._path("b").read_bytes())
    elif damage == "flipped":
        data[-1000] ^= 1
    path.write_bytes({"cut": data[:-1], "empty": b"", "text": b"no tensors"}.get(damage, data))
    assert store.load("a") is None
    assert not path.exists()
    store.save("a", quarter(2.0))
    assert store.load("a") is not None


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FeatureStore(tmp_path / "file" / "features", MIB)
    store.save("a", quarter())
    assert store.load("a") is None


def test_what_a_killed_process_was_writing_is_cleared_away(store: FeatureStore) -> None:
    store.save("a", quarter())
    left, fresh = store.folder / ".old.tmp", store.folder / ".new.tmp"
    left.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(left, (1, 1))
    store.save("b", quarter())
    assert not left.exists()
    assert fresh.exists()


def test_saving_later_does_not_hold_up(store: FeatureStore, monkeypatch) -> None:
    may_write, save = threading.Event(), store.save
    monkeypatch.setattr(store, "save", lambda *what: may_write.wait(10) and save(*what))
    futures = [store.save_later(str(number), quarter(number)) for number in range(20)]
    kept = [future for future in futures if future is not None]
    assert 0 < len(kept) < 20  # what waits is bounded
    may_write.set()
    for future in kept:
        future.result(10)
    assert store.load("0") is not None


def test_two_processes_may_share_a_folder(store: FeatureStore) -> None:
    script = (
        "import sys, torch; from pathlib import Path\n"
        "from weclip_napari.core.feature_store import FeatureStore\n"
        "store = FeatureStore(Path(sys.argv[1]), 4 * 2**20)\n"
        "for n in range(40):\n"
        "    store.save(f'{n % 9}', {'x': torch.full((500, 500), float(n % 9))})\n"
        "    got = store.load(f'{(n + 3) % 9}')\n"
        "    assert got is None or got['x'][0, 0] == (n + 3) % 9\n"
    )
    command = [sys.executable, "-c", script, str(store.folder)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert size(store) <= store.max_bytes + 2 * MIB
