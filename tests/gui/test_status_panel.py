"""What the panel says about the model."""

from weclip_napari.gui.engine import ModelInfo
from weclip_napari.gui.status_panel import model_text


def test_the_embedded_model_says_that_it_knows_drawn_scenes_only():
    text = model_text(ModelInfo("embedded", ("apple", "star"), is_embedded=True))
    assert "only ever seen drawn scenes" in text
    assert "apple, star" in text


def test_another_model_says_what_its_decoder_knows():
    text = model_text(ModelInfo("mine", ("dog",), is_embedded=False))
    assert "mine" in text
    assert "drawn" not in text
    assert "no decoder" in model_text(ModelInfo("clip", (), is_embedded=False))
