"""How proposals are made: which branch, how strong the background is, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from weclip_napari.gui.buttons import button, drop_down, row_of
from weclip_napari.gui.live_slider import LiveSlider
from weclip_napari.gui.tooltips import explain
from weclip_napari.gui.tuning import Tuning

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator

BRANCHES = {
    "auto": "Automatic",
    "cam": "CAM",
    "decoder": "Decoder",
    "both": "Both",
}
LOWEST_POWER, HIGHEST_POWER = 0.25, 4.0


class TuningPanel(QWidget):
    """Everything here proposes again at once, from what is known of the image."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.branch = drop_down("branch")
        for branch, text in BRANCHES.items():
            self.branch.addItem(text, branch)
        self.power = LiveSlider(LOWEST_POWER, HIGHEST_POWER, 1.0, is_logarithmic=True)
        explain(self.power, "background_power")
        self.power_text = QLabel()
        self.reset_button = button("Reset", "reset_tuning", self.reset)
        self.on_open = QCheckBox("Propose on opening")
        explain(self.on_open, "propose_on_open")
        self._lay_out()
        self.branch.activated.connect(self._choose_branch)
        self.power.changed.connect(self._choose_power)
        self.on_open.toggled.connect(self._choose_on_open)
        annotator.tuning_changed.connect(self._show)
        annotator.folder_opened.connect(self._show)
        annotator.proposal_shown.connect(lambda _: self._show())
        annotator.jobs.busy_changed.connect(lambda _: self._show())
        self._show()

    def reset(self) -> None:
        """Go back to what the model was made with."""
        usual = Tuning()
        self._annotator.tune(branch=usual.branch, background_power=usual.background_power)

    def _lay_out(self) -> None:
        self.power_text.setFixedWidth(34)
        self.on_open.setStyleSheet("font-size: 9pt")
        self.branch.setMinimumWidth(90)
        self.power_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        background = row_of(QLabel("Background"), self.power, self.power_text, self.reset_button)
        background.setStretchFactor(self.power, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        source = row_of(QLabel("Masks from"), self.branch, self.on_open)
        source.setStretchFactor(self.branch, 1)
        layout.addLayout(source)
        layout.addLayout(background)

    def _choose_branch(self, number: int) -> None:
        self._annotator.tune(branch=self.branch.itemData(number))

    def _choose_power(self, power: float) -> None:
        power_or_own = None if self.power.is_normal else round(power, 3)
        self._annotator.tune(background_power=power_or_own)

    def _choose_on_open(self, is_wanted: bool) -> None:
        self._annotator.propose_on_open = is_wanted

    def _show(self) -> None:
        """Show what is in force."""
        annotator, tuning = self._annotator, self._annotator.tuning
        info = annotator.engine.info
        self.power.normal = info.background_power if info else 1.0
        chosen = tuning.background_power
        power = self.power.normal if chosen is None else chosen
        self.power.show_number(power)
        self.power_text.setText(f"{power:.2f}")
        self.branch.setCurrentIndex(self.branch.findData(tuning.branch))
        self.power.setEnabled(_depends_on_background(annotator))
        self.reset_button.setEnabled(tuning != Tuning())
        self.on_open.blockSignals(True)
        self.on_open.setChecked(annotator.propose_on_open)
        self.on_open.blockSignals(False)


def _depends_on_background(annotator: Annotator) -> bool:
    """Whether any mask that is shown, or any to come, has to do with the CAM."""
    results = annotator.results
    if annotator.tuning.branch == "decoder":
        return False
    return not results or any(result.branch != "decoder" for result in results)
