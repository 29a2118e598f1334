import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from weclip_napari.core import architectures, checkpoint, download
from weclip_napari.core.architectures import create_clip
from weclip_napari.core.checkpoint import (
    WeclipModel,
    load_decoder,
    load_model,
    random_model,
    save_decoder,
    save_model,
    tiny_architecture,
)
from weclip_napari.core.config import DecoderConfig, WeclipConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.published import state_dict_to_published
from weclip_napari.core.storage import CARD, CLIP, CONFIG, DECODER
from weclip_napari.errors import UserError


@pytest.fixture
def model() -> WeclipModel:
    model = random_model(seed=1)
    model.card = {"note": "drawn scenes", "figures": {"miou": 61.5}}
    return model


def same_decoder(a: WeclipDecoder, b: WeclipDecoder, tolerance: float = 0) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.allclose(x, y, rtol=0, atol=tolerance) for x, y in pairs)


def test_decoder_file(model: WeclipModel, tmp_path: Path) -> None:
    path = tmp_path / "decoder.safetensors"
    save_decoder(path, model.decoder, model.backbone, model.config, model.card)
    loaded = load_decoder(path, model.backbone)
    assert same_decoder(loaded, model.decoder)
    assert loaded.config == model.decoder.config
    assert not loaded.training


def test_decoder_file_says_what_it_is(model: WeclipModel, tmp_path: Path) -> None:
    path = tmp_path / "decoder.safetensors"
    save_decoder(path, model.decoder, model.backbone, model.config, model.card)
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["weclip"])
    assert header["decoder"]["classes"] == ["disc", "ring", "star"]
    assert header["backbone"]["fingerprint"] == model.backbone.fingerprint
    assert WeclipConfig.from_json(header["config"]) == model.config
    assert header["card"] == model.card


def test_half_precision_halves_the_file(model: WeclipModel, tmp_path: Path) -> None:
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    save_decoder(full, model.decoder, model.backbone, model.config)
    save_decoder(half, model.decoder, model.backbone, model.config, half=True)
    assert half.stat().st_size < 0.7 * full.stat().st_size
    loaded = load_decoder(half, model.backbone)
    assert loaded.fuse.weight.dtype == torch.float32
    assert same_decoder(loaded, model.decoder, tolerance=1e-3)


def test_decoder_of_another_backbone_is_refused(model: WeclipModel, tmp_path: Path) -> None:
    path = tmp_path / "decoder.safetensors"
    save_decoder(path, model.decoder, model.backbone, model.config)
    other = random_model(seed=2).backbone
    with pytest.raises(UserError, match=r"decoder\.safetensors .*random/seed 1.*random/seed 2"):
        load_decoder(path, other)


def test_failed_save_keeps_the_old_file(
    model: WeclipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "decoder.safetensors"
    save_decoder(path, model.decoder, model.backbone, model.config)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_decoder(path, model.decoder, model.backbone, model.config, {"other": 1})
    assert [path.read_bytes()] == [p.read_bytes() for p in tmp_path.iterdir()] == [before]


def test_folder(model: WeclipModel, tmp_path: Path) -> None:
    save_model(tmp_path / "mine", model)
    loaded = load_model(str(tmp_path / "mine"), device="cpu")
    assert (loaded.name, loaded.config, loaded.card) == ("mine", model.config, model.card)
    assert loaded.architecture == model.architecture
    assert loaded.backbone.fingerprint == model.backbone.fingerprint
    assert same_decoder(loaded.decoder, model.decoder, tolerance=1e-3)
    assert "- **figures**\n  - **miou**: 61.5\n" in (tmp_path / "mine" / CARD).read_text()


def test_folder_stores_half_precision_but_for_the_positions(
    model: WeclipModel, tmp_path: Path
) -> None:
    save_model(tmp_path, model)
    stored = load_file(tmp_path / CLIP)
    assert stored["visual.conv1.weight"].dtype == torch.float16
    assert stored["visual.positional_embedding"].dtype == torch.float32
    assert stored["positional_embedding"].dtype == torch.float32


def test_folder_without_decoder(tmp_path: Path) -> None:
    save_model(tmp_path, random_model(classes=()), half=False)
    assert not (tmp_path / DECODER).exists()
    assert load_model(str(tmp_path), device="cpu").decoder is None


def test_edited_config_wins(model: WeclipModel, tmp_path: Path) -> None:
    save_model(tmp_path, model)
    content = json.loads((tmp_path / CONFIG).read_text())
    content["config"]["cam_threshold"] = 0.25
    (tmp_path / CONFIG).write_text(json.dumps(content))
    assert load_model(str(tmp_path), device="cpu").config.cam_threshold == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"config\.json is no description"),
        ("[]", r"config\.json is no description"),
        ('{"format": 1, "config": {}, "backbone": ["ViT"]}', r"config\.json is no description"),
        ('{"format": 99, "config": {}}', r"config\.json was written by a newer"),
        ('{"format": 1, "config": {"colour": 1}}', r"config\.json: .*unknown key colour"),
    ],
)
def test_bad_config_names_the_file(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(UserError, match=message):
        load_model(str(tmp_path))


@pytest.mark.parametrize("missing", [CONFIG, CLIP, DECODER])
def test_missing_part_names_the_file(missing: str, model: WeclipModel, tmp_path: Path) -> None:
    save_model(tmp_path, model)
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=f"{missing} is missing"):
        load_model(str(tmp_path), device="cpu")


def test_decoder_file_alone_needs_the_weights_of_an_unpublished_backbone(
    model: WeclipModel, tmp_path: Path
) -> None:
    save_model(tmp_path, model)
    decoder = str(tmp_path / DECODER)
    with pytest.raises(UserError, match="Name a file with them"):
        load_model(decoder)
    loaded = load_model(decoder, device="cpu", weights=tmp_path / CLIP)
    assert same_decoder(loaded.decoder, model.decoder, tolerance=1e-3)


def test_users_checkpoints_are_known_by_name(
    model: WeclipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WECLIP_NAPARI_HOME", str(tmp_path))
    save_model(tmp_path / "checkpoints" / "mine", model)
    assert load_model("mine", device="cpu").name == "mine"


@pytest.mark.parametrize("spec", ["./nothing", "nothing.safetensors", "~/nothing", "/nothing"])
def test_missing_path(spec: str) -> None:
    with pytest.raises(UserError, match="nothing.* is missing"):
        load_model(spec)


TINY = "Tiny-quickgelu"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> open_clip.CLIP:
    """Stand a tiny model in for an open_clip ViT with OpenAI's weights."""
    config = tiny_architecture()
    configs = {TINY: config, "Tiny": {**config, "quick_gelu": False}}
    known = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", {**known, **configs})
    published = open_clip.get_pretrained_cfg("ViT-B-16", "openai")
    for name in configs:
        monkeypatch.setitem(open_clip.pretrained._PRETRAINED, name, {"openai": published})
    architectures._shapes.cache_clear()
    torch.manual_seed(7)
    return create_clip(config)


@pytest.fixture
def tiny_file(tiny: open_clip.CLIP, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_file(tiny.state_dict(), path)
    return path


def test_open_clip_model_by_name_with_a_local_file(tiny_file: Path) -> None:
    loaded = load_model(TINY, device="cpu", weights=tiny_file)
    assert loaded.decoder is None
    assert (loaded.name, loaded.config.backbone) == (f"{TINY}/tiny.safetensors", TINY)
    stored = load_file(tiny_file)["visual.proj"]
    assert torch.equal(loaded.backbone.visual.proj, stored)


def test_tag_decides_the_activation(tiny_file: Path) -> None:
    assert load_model("Tiny/openai", device="cpu", weights=tiny_file).architecture["quick_gelu"]
    assert not load_model("Tiny", device="cpu", weights=tiny_file).architecture["quick_gelu"]


def test_weights_of_another_model_are_refused(tiny_file: Path) -> None:
    with pytest.raises(UserError, match=r"tiny\.safetensors belongs to another architecture"):
        load_model("ViT-S-32", device="cpu", weights=tiny_file)


def test_missing_weights_say_what_to_fetch_and_nothing_is_downloaded(
    tiny: open_clip.CLIP, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkpoint, "download", lambda *_: pytest.fail("downloaded"))
    with pytest.raises(UserError) as caught:
        load_model(TINY)
    message = str(caught.value)
    assert "https://openaipublic.azureedge.net" in message
    assert str(tmp_path / "weclip" / "weights" / "ViT-B-16.pt") in message
    assert "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f" in message


def test_weights_put_in_place_by_hand_are_found(
    tiny: open_clip.CLIP, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = download.source_of(TINY, "openai").target
    target.parent.mkdir(parents=True)
    torch.save(load_file(tiny_file), target)
    monkeypatch.setattr(download, "_is_intact", lambda *_: True)
    assert load_model(f"{TINY}/openai", device="cpu").name == f"{TINY}/openai"


def test_allowed_download_is_used(
    tiny: open_clip.CLIP, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "download", lambda source, progress: tiny_file)
    assert load_model(TINY, device="cpu", allow_download=True).config.pretrained == "openai"


def test_bare_weights_must_tell_their_architecture(tiny_file: Path) -> None:
    with pytest.raises(UserError, match=r"tiny\.safetensors .* fits Tiny(-\w+)? and Tiny"):
        load_model(str(tiny_file))


def test_bare_weights_in_openais_layout_are_enough(tiny_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "openai.pt"
    torch.save({**load_file(tiny_file), "input_resolution": torch.tensor(32)}, path)
    loaded = load_model(str(path), device="cpu")
    assert (loaded.config.backbone, loaded.config.pretrained) == (TINY, "openai.pt")


def test_bare_weights_of_no_known_model(tmp_path: Path) -> None:
    save_file(create_clip(tiny_architecture(layers=5)).state_dict(), tmp_path / "odd.safetensors")
    with pytest.raises(UserError, match="fits no model of open_clip"):
        load_model(str(tmp_path / "odd.safetensors"))


def test_published_checkpoint(
    tiny: open_clip.CLIP, tiny_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "weclip_napari.core.published.WeclipConfig",
        lambda **fields: WeclipConfig(backbone=TINY, **fields),
    )
    classes = tuple(f"class {i}" for i in range(20))
    decoder = WeclipDecoder(DecoderConfig(classes, in_width=32, taps=(1, 2), width=16, layers=1))
    torch.save(state_dict_to_published(decoder.state_dict()), tmp_path / "published.pth")
    loaded = load_model(str(tmp_path / "published.pth"), device="cpu", weights=tiny_file)
    assert same_decoder(loaded.decoder, decoder)
    assert loaded.decoder.config.classes[:2] == ("aeroplane", "bicycle")
    assert loaded.config.template == "a clean origami {}."


def test_published_checkpoint_of_other_size_is_refused(model: WeclipModel, tmp_path: Path) -> None:
    classes = tuple(f"class {i}" for i in range(20))
    decoder = WeclipDecoder(DecoderConfig(classes, in_width=48, taps=(1, 2), width=16, layers=1))
    torch.save(state_dict_to_published(decoder.state_dict()), tmp_path / "published.pth")
    with pytest.raises(UserError, match=r"published\.pth reads blocks 1 to 2 of width 48"):
        load_decoder(tmp_path / "published.pth", model.backbone)
