"""The bench of the window measures everything it promises, here on little work."""

import json
import subprocess
import sys

from weclip_napari.gui.bench import WHAT

LITTLE = {"SIDE": 96, "SCENES": 4, "STROLL": 3, "REPEATS": 2, "CHANGES": 3, "MANY": 20}
SCRIPT = f"""
from weclip_napari.cli import main
from weclip_napari.gui import bench
for name, value in {LITTLE}.items():
    assert hasattr(bench, name)
    setattr(bench, name, value)
raise SystemExit(main(["bench", "gui", "--json"]))
"""


def test_the_bench_prints_its_figures_as_json():
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert list(figures) == list(WHAT)
    assert all(isinstance(value, float) for value in figures.values())
    assert all(value > 0 for name, value in figures.items() if not name.startswith("rss"))
