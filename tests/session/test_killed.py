"""What is on the disk after a kill -9, and after a disk that was full."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL_FILES = """
import resource, sys
import numpy as np
from pathlib import Path
from PIL import Image
from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation
from weclip_napari.session.workspace import Snapshot, Workspace

folder = Path(sys.argv[1])
Image.new("RGB", (400, 300)).save(folder / "a.png")
noise = np.random.default_rng(0).integers(0, 255, (300, 400), np.uint8)
old = Annotation(np.ones_like(noise), noise > 100, ("old",))
new = Annotation(noise, noise > 200, ("new",))
workspace = Workspace(folder)
snapshots = [Snapshot(0, workspace.images[0], item, 0) for item in (old, new)]
workspace.write(snapshots[0])
for limit in (1_000, 100_000, 600_000):  # the sidecar, the index, or only the mask does not fit
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        workspace.write(snapshots[1])
        assert limit == 600_000
    except UserError as error:
        assert "Free some space" in str(error), error
        assert workspace.read(0).tags == ("old",)
        assert np.array_equal(workspace.read(0).provenance.human(old.mask), old.human)
        assert workspace.index.summary(0).tags == ("old",)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
workspace.write(snapshots[1])
workspace.close()
again = Workspace(folder)
assert again.read(0).tags == again.index.summary(0).tags == ("new",)
again.close()
assert not list(folder.rglob("*.tmp"))
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is for Unix")
def test_killing_a_process_that_saves_loses_nothing_that_was_saved(tmp_path):
    """Forty times at random moments, in the same folder."""
    result = run(Path(__file__).with_name("killing.py"), tmp_path, 40)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[1].rstrip(",")) >= 40


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_without_room_keeps_the_annotation_before(tmp_path):
    result = run("-c", SMALL_FILES, tmp_path)
    assert result.returncode == 0, result.stderr
