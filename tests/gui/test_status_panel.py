"""What the panel says about the model."""

from weclip_napari.gui.engine import ModelInfo
from weclip_napari.gui.status_panel import model_text


def test_the_embedded_model_says_that_it_knows_drawn_scenes_only():
    assert "only ever seen drawn scenes" in model_text("embedded", None)
    text = model_text("embedded", ModelInfo("embedded", ("apple", "star")))
    assert "only ever seen drawn scenes" in text
    assert "apple, star" in text


def test_another_model_says_what_its_decoder_knows():
    text = model_text("a/folder", ModelInfo("mine", ("dog",)))
    assert "mine" in text
    assert "drawn" not in text
    assert "no decoder" in model_text("ViT-B-16/openai", ModelInfo("clip", ()))
    assert "ViT-B-16/openai" in model_text("ViT-B-16/openai", None)
