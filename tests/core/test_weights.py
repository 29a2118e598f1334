import hashlib
import warnings
import zipfile
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from weclip_napari.core import weights
from weclip_napari.core.architectures import create_clip
from weclip_napari.core.torchscript import is_torchscript, read_tensors
from weclip_napari.core.untrained import tiny_architecture
from weclip_napari.core.weights import load_clip_weights, read_state
from weclip_napari.errors import UserError

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def source() -> State:
    torch.manual_seed(0)
    return create_clip(tiny_architecture()).state_dict()


@pytest.fixture
def clip() -> open_clip.CLIP:
    torch.manual_seed(1)
    return create_clip(tiny_architecture())


def assert_same(clip: open_clip.CLIP, state: State, tolerance: float = 0) -> None:
    for name, value in clip.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.allclose(value, state[name], rtol=0, atol=tolerance), name


def test_safetensors(clip: open_clip.CLIP, source: State, tmp_path: Path) -> None:
    save_file(source, tmp_path / "clip.safetensors")
    load_clip_weights(clip, tmp_path / "clip.safetensors")
    assert_same(clip, source)


def test_half_precision_with_single_precision_positions(
    clip: open_clip.CLIP, source: State, tmp_path: Path
) -> None:
    half = {k: v if "positional" in k else v.half() for k, v in source.items()}
    save_file(half, tmp_path / "clip.safetensors")
    load_clip_weights(clip, tmp_path / "clip.safetensors")
    assert torch.equal(clip.visual.positional_embedding, source["visual.positional_embedding"])
    assert_same(clip, source, tolerance=2e-3)


WRAPPED = {
    "bare": lambda state: state,
    "half": lambda state: {k: v.half() for k, v in state.items()},
    "training": lambda state: {
        "epoch": 3,
        "state_dict": {f"module.{k}": v for k, v in state.items()},
    },
    "openai": lambda state: {
        **state,
        "input_resolution": torch.tensor(32),
        "context_length": torch.tensor(32),
        "vocab_size": torch.tensor(2048),
    },
    "custom text": lambda state: {
        k if k.startswith(("visual.", "logit_scale")) else f"text.{k}": v for k, v in state.items()
    },
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_pytorch_layouts(wrap, clip: open_clip.CLIP, source: State, tmp_path: Path) -> None:
    torch.save(wrap(source), tmp_path / "clip.pt")
    load_clip_weights(clip, tmp_path / "clip.pt")
    assert_same(clip, source, tolerance=2e-3)


def test_old_pytorch_file(clip: open_clip.CLIP, source: State, tmp_path: Path) -> None:
    torch.save(source, tmp_path / "clip.pth", _use_new_zipfile_serialization=False)
    load_clip_weights(clip, tmp_path / "clip.pth")
    assert_same(clip, source)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('the file ran its code')",)


def test_pickled_code_is_not_run(source: State, tmp_path: Path) -> None:
    torch.save({**source, "bomb": Bomb()}, tmp_path / "clip.pt")
    with pytest.raises(UserError, match=r"clip\.pt cannot be read.*run code"):
        read_state(tmp_path / "clip.pt")


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", b"PK\x03\x04 and no more"])
@pytest.mark.parametrize("name", ["clip.pt", "clip.safetensors"])
def test_damaged_files(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        read_state(tmp_path / name)


def test_truncated_safetensors(source: State, tmp_path: Path) -> None:
    save_file(source, tmp_path / "clip.safetensors")
    whole = (tmp_path / "clip.safetensors").read_bytes()
    (tmp_path / "clip.safetensors").write_bytes(whole[:-100])
    with pytest.raises(UserError, match="damaged"):
        read_state(tmp_path / "clip.safetensors")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.pt is missing"):
        read_state(tmp_path / "nothing.pt")


def test_transformers_layout_is_named(clip: open_clip.CLIP, tmp_path: Path) -> None:
    save_file({"vision_model.embeddings.weight": torch.zeros(1)}, tmp_path / "hf.safetensors")
    with pytest.raises(UserError, match="layout of Hugging Face transformers"):
        load_clip_weights(clip, tmp_path / "hf.safetensors")


def test_something_else_is_refused(clip: open_clip.CLIP, tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match="holds no CLIP"):
        load_clip_weights(clip, tmp_path / "list.pt")


@pytest.mark.parametrize("change", [{"patch": 16}, {"width": 48}, {"layers": 4}])
def test_other_architecture_is_refused(
    change: dict[str, int], source: State, tmp_path: Path
) -> None:
    save_file(source, tmp_path / "clip.safetensors")
    with pytest.raises(UserError, match=r"clip\.safetensors belongs to another architecture"):
        load_clip_weights(create_clip(tiny_architecture(**change)), tmp_path / "clip.safetensors")


class Node(nn.Module):
    """A module tree with the given tensors, to be archived."""

    def __init__(self, state: State) -> None:
        super().__init__()
        for name, value in state.items():
            head, _, rest = name.partition(".")
            if not rest:
                self.register_buffer(head, value)
            elif head not in self._modules:
                inside = {
                    k[len(head) + 1 :]: v for k, v in state.items() if k.startswith(f"{head}.")
                }
                self.add_module(head, Node(inside))

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.fixture
def archive(source: State, tmp_path: Path) -> Path:
    sizes = {"input_resolution": torch.tensor(32), "vocab_size": torch.tensor(2048)}
    half = {k: v.half() if "weight" in k else v for k, v in source.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # new versions of PyTorch deprecate the format
        module = torch.jit.trace(Node({**half, **sizes}), torch.zeros(1))
        module.save(tmp_path / "ViT-B-16.pt")
    return tmp_path / "ViT-B-16.pt"


def test_torchscript_is_told_by_content(archive: Path, source: State, tmp_path: Path) -> None:
    torch.save(source, tmp_path / "plain.pt")
    assert is_torchscript(archive)
    assert not is_torchscript(tmp_path / "plain.pt")


def test_unknown_torchscript_is_refused(clip: open_clip.CLIP, archive: Path) -> None:
    with pytest.raises(UserError, match="TorchScript archive.*refused.*5806e77cd80f") as caught:
        load_clip_weights(clip, archive)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in str(caught.value)


def test_openai_archive_is_read_without_pytorch_running_it(
    clip: open_clip.CLIP, archive: Path, source: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(weights, "OPENAI_VIT_B_16_SHA256", digest)
    monkeypatch.delattr(torch.jit, "load")
    load_clip_weights(clip, archive)
    assert_same(clip, source, tolerance=2e-3)


def test_archive_with_other_classes_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(archive.with_name("evil.pt"), "w") as new:
        for name in old.namelist():
            data = old.read(name)
            evil = b"cbuiltins\nexec\n(S'raise SystemExit'\ntR."
            new.writestr(name, evil if name.endswith("/data.pkl") else data)
    with pytest.raises(Exception, match=r"builtins\.exec is not allowed"):
        read_tensors(archive.with_name("evil.pt"))


def test_the_published_hash() -> None:
    assert weights.OPENAI_VIT_B_16_SHA256 == (
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"
    )
