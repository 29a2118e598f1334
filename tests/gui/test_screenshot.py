"""README's picture, made by a process of its own.

It also guards `import_triton_apart`: torch is imported there after the window has drawn something.
"""

import subprocess
import sys

import numpy as np
from PIL import Image


def test_the_screenshot_shows_a_proposal_in_a_real_window(tmp_path):
    path = tmp_path / "docs" / "screenshot.png"
    command = [sys.executable, "-m", "weclip_napari.gui.screenshot", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stderr[-2000:]
    picture = np.asarray(Image.open(path).convert("RGB"))
    assert picture.shape[0] > 500
    assert picture.shape[1] > 900
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000
