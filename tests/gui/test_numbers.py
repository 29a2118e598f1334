"""How shares are written."""

import pytest

from weclip_napari.gui.numbers import percent


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.0004, "<0.1%"), (0.004, "0.4%"), (0.0099, "1.0%"), (0.126, "13%"), (1, "100%")],
)
def test_small_shares_differ_from_none(share, text):
    assert percent(share) == text
