"""One window at a time writes in a folder."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.folder_lock import FolderLock
from weclip_napari.session.states import State
from weclip_napari.session.workspace import Workspace

removable = pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is locked")

HOLD = """
import sys
from weclip_napari.session.folder_lock import FolderLock
lock = FolderLock(sys.argv[1])
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    return tmp_path


@pytest.fixture
def other_process(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "\n"
    yield process
    process.kill()
    process.communicate()


def save(workspace, row, tag):
    image = workspace.read(row)
    assert workspace.enter(image)
    snapshot = workspace.snapshot(np.ones(image.size, np.uint8), (tag,), (), State.EDITED)
    workspace.write(snapshot)
    workspace.note_saved(snapshot)


def test_the_lock_comes_and_goes_without_a_trace(folder):
    lock = FolderLock(folder)
    assert lock.acquire() == ""
    assert lock.is_held
    lock.release()
    assert not lock.is_held
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]
    lock.release()
    assert lock.acquire() == ""
    lock.release()


def test_a_second_window_of_the_same_process_only_reads(folder):
    first, second = Workspace(folder), Workspace(folder)
    assert first.read_only == ""
    assert "another window" in second.read_only
    assert "try again" in second.read_only
    save(first, 0, "dog")
    with pytest.raises(UserError, match="another window"):
        save(second, 0, "cat")
    assert second.read(0).tags == ("dog",)
    assert not second.update_unopened(1, np.ones((6, 8), np.uint8), (), "")
    second.close()
    assert "another window" in Workspace(folder).read_only
    first.close()
    third = Workspace(folder)
    assert third.read_only == ""
    assert third.index.summary(0).tags == ("dog",)
    third.close()


def test_a_second_process_only_reads_until_the_first_is_killed(folder, other_process):
    workspace = Workspace(folder)
    assert "another window" in workspace.read_only
    workspace.close()
    os.kill(other_process.pid, signal.SIGKILL)
    other_process.wait()
    assert (folder / "weclip_masks" / ".lock").exists()
    workspace = Workspace(folder)
    assert workspace.read_only == ""
    save(workspace, 0, "dog")
    workspace.close()
    assert not (folder / "weclip_masks" / ".lock").exists()


def test_a_reader_leaves_nothing_behind(folder, other_process):
    workspace = Workspace(folder)
    workspace.read(0)
    workspace.close()
    assert [path.name for path in (folder / "weclip_masks").iterdir()] == [".lock"]


def test_a_file_in_the_way_opens_the_folder_for_reading(folder):
    (folder / "weclip_masks").write_text("mine")
    workspace = Workspace(folder)
    assert "can only be read" in workspace.read_only
    assert "Move away" in workspace.read_only
    with pytest.raises(UserError, match="can only be read"):
        save(workspace, 0, "dog")
    workspace.close()
    assert (folder / "weclip_masks").read_text() == "mine"


def test_a_folder_without_permission_opens_for_reading(folder):
    """In a child process without the rights of root, to whom every folder is open."""
    script = (
        "import os, sys\n"
        "from weclip_napari.session.workspace import Workspace\n"
        "from weclip_napari.session.images import read_image\n"
        "read_image(sys.argv[1] + '/a.png')\n"  # all is imported before the rights are gone
        "os.chmod(sys.argv[1], 0o555)\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "workspace = Workspace(sys.argv[1])\n"
        "workspace.read(0)\n"
        "print(workspace.read_only)\n"
        "workspace.close()\n"
    )
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    result = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=60
    )
    folder.chmod(0o755)
    assert result.returncode == 0, result.stderr
    assert "can only be read (Permission denied)" in result.stdout
    assert "Allow writing" in result.stdout


def test_a_folder_that_cannot_be_opened_is_not_left_locked(folder):
    (folder / "weclip_masks").mkdir()
    (folder / "weclip_masks" / "classes.json").write_text("{")
    with pytest.raises(UserError, match=r"classes\.json"):
        Workspace(folder)
    (folder / "weclip_masks" / "classes.json").unlink()
    workspace = Workspace(folder)
    assert workspace.read_only == ""
    workspace.close()


def test_a_workspace_that_is_dropped_lets_go(folder):
    Workspace(folder)
    assert Workspace(folder).read_only == ""


@removable
def test_two_windows_do_not_write_after_the_lock_was_removed_by_hand(folder):
    first = Workspace(folder)
    shutil.rmtree(folder / "weclip_masks")
    second = Workspace(folder)
    assert second.read_only == ""
    first.enter(first.read(0))
    snapshot = first.snapshot(first.current.mask, ("dog",), (), State.TODO)
    with pytest.raises(UserError, match="another window"):
        first.write(snapshot)
    second.close()
    first.write(snapshot)
    third = Workspace(folder)
    assert third.read_only
    assert third.read(0).tags == ("dog",)
    third.close()
    first.close()


@removable
def test_closing_a_window_leaves_the_lock_of_another_alone(folder):
    first = Workspace(folder)
    shutil.rmtree(folder / "weclip_masks")
    second = Workspace(folder)
    first.close()
    third = Workspace(folder)
    assert third.read_only
    third.close()
    second.close()
    assert not (folder / "weclip_masks").exists()
