"""Torch comes into a process that already shows a window without stopping it."""

import gc
import os
import subprocess
import sys

import pytest

from weclip_napari.gui.native_libraries import SHORT_WAITS, gentle_imports

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="libraries are loaded ahead on Linux")


def run(script, **variables):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )


@LINUX
def test_libraries_are_loaded_before_torch_and_torch_works_with_them():
    done = run(
        "import sys\n"
        "from pathlib import Path\n"
        "from weclip_napari.gui.native_libraries import gentle_imports, load_torch_libraries\n"
        "load_torch_libraries()\n"
        "print('libtorch_cpu' in Path('/proc/self/maps').read_text(), 'torch' in sys.modules)\n"
        "with gentle_imports():\n"
        "    import torch\n"
        "print(float(torch.ones(3, 3).mm(torch.ones(3, 3)).sum()))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False", "27.0"]


@LINUX
def test_the_users_own_choice_of_libraries_is_left_alone(tmp_path):
    done = run(
        "from pathlib import Path\n"
        "from weclip_napari.gui.native_libraries import load_torch_libraries\n"
        "load_torch_libraries()\n"
        "print('libtorch' in Path('/proc/self/maps').read_text())\n",
        LD_LIBRARY_PATH=str(tmp_path),
    )
    assert done.stdout.split() == ["False"], done.stderr


@pytest.fixture
def nothing_set_aside():
    """Annotators of other tests may have set the objects of their time aside."""
    gc.unfreeze()


@pytest.mark.usefixtures("nothing_set_aside")
def test_imports_start_no_garbage_collection():
    collections = []
    note = lambda phase, info: collections.append(info)  # noqa: E731
    gc.callbacks.append(note)
    try:
        with gentle_imports():
            collections.clear()
            made = [[number] for number in range(50_000)]
            assert not collections
        assert gc.isenabled()
        young = {id(thing) for number in (0, 1) for thing in gc.get_objects(number)}
        assert not young & {id(thing) for thing in made}
    finally:
        gc.callbacks.remove(note)


@pytest.mark.usefixtures("nothing_set_aside")
def test_garbage_is_still_collected_afterwards():
    class Node:
        pass

    with gentle_imports():
        node = Node()
        node.self = node
        number = id(node)
        del node
    assert any(id(thing) == number for thing in gc.get_objects(2))
    assert gc.collect() >= 1


def test_whoever_turned_collections_off_keeps_them_off():
    gc.disable()
    try:
        with gentle_imports():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_collections_go_on_after_a_failed_import():
    with pytest.raises(ImportError), gentle_imports():
        raise ImportError
    assert gc.isenabled()


@LINUX
@pytest.mark.parametrize("policy", ["", "ACTIVE"])
def test_torchs_threads_wait_asleep_unless_the_user_decided(policy):
    """Libgomp prints what it understood of its settings as it is loaded."""
    chosen = {"OMP_WAIT_POLICY": policy} if policy else {}
    environment = {name: value for name, value in os.environ.items() if name not in SHORT_WAITS}
    script = (
        "from weclip_napari.gui.native_libraries import gentle_imports\n"
        "with gentle_imports():\n"
        "    import torch\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, **chosen, "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert f"OMP_WAIT_POLICY = '{policy or 'PASSIVE'}'" in done.stderr
    assert ("GOMP_SPINCOUNT = '5000'" in done.stderr) is (policy == "")
