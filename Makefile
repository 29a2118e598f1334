# Every target prepares what it needs by itself; see scripts/setup.sh.
python := .venv/bin/python
export QT_API := pyqt6
export NAPARI_ENSURE_PLUGIN_MAIN_THREAD := 1

.PHONY: setup demo test lint screenshot bench

setup:
	@scripts/setup.sh --display

# The demo opens a window at its end where there is a screen.
demo:
	@scripts/setup.sh $(if $(CI),,$(if $(DISPLAY)$(WAYLAND_DISPLAY),--display))
	@.venv/bin/weclip-napari demo

# One thread for torch: the models are tiny, and the windows are drawn by the processor as well.
test: setup
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} xvfb-run -a $(python) -m pytest

lint:
	@scripts/setup.sh
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy

screenshot: setup
	@xvfb-run -a -s "-screen 0 1600x1000x24" $(python) -m weclip_napari.gui.screenshot docs/screenshot.png

bench:
	@scripts/setup.sh
	@.venv/bin/weclip-napari bench propose
