import gzip
import shutil
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.tokenizer import default_bpe
from safetensors.torch import save_file

from weclip_napari.core import mini
from weclip_napari.core.checkpoint import load_model, random_model, save_model
from weclip_napari.errors import UserError


def test_vocabulary_is_the_start_of_clips_own() -> None:
    ours = gzip.open(mini.FOLDER / "bpe_2048.txt.gz").read().decode().split("\n")
    assert ours == gzip.open(default_bpe()).read().decode().split("\n")[: 1 + 1534]


def test_any_text_encodes() -> None:
    tokenizer = mini.mini_tokenizer()
    assert tokenizer.vocab_size == mini.mini_model_config()["text_cfg"]["vocab_size"]
    tokens = tokenizer(["a clear origami star.", "Zürich 城市 🚤"])
    assert tokens.shape == (2, mini.mini_model_config()["text_cfg"]["context_length"])
    assert int(tokens.max()) < tokenizer.vocab_size


def test_it_is_an_open_clip_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = mini.create_mini_clip().state_dict()
    save_file(state, tmp_path / "clip.safetensors")
    mini.register_mini()
    theirs = open_clip.create_model(mini.NAME, pretrained=str(tmp_path / "clip.safetensors"))
    ours = mini.create_mini_clip(tmp_path / "clip.safetensors")
    image = torch.rand(1, 3, *theirs.visual.image_size)
    with torch.no_grad():
        assert torch.equal(theirs.eval().encode_image(image), ours.encode_image(image))


def test_embedded_is_the_model_in_the_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (f"{mini.NAME}.json", "bpe_2048.txt.gz"):
        shutil.copy(mini.FOLDER / name, tmp_path)
    monkeypatch.setattr(mini, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="reinstall"):
        load_model()
    save_model(tmp_path, random_model())
    assert load_model(device="cpu").name == "embedded"
