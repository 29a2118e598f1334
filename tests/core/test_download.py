import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from weclip_napari.core.download import Source, download, find_local, instructions, source_of
from weclip_napari.errors import UserError

CONTENT = bytes(range(256)) * 20000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unmeasured":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:-1] if self.path == "/broken" else CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def source(server: str, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    default = source_of("ViT-B-16-quickgelu", "openai")
    return replace(default, url=f"{server}/file", sha256=DIGEST)


def test_default_weights_are_openais_file() -> None:
    source = source_of("ViT-B-16-quickgelu", "openai")
    assert source.url.endswith("/ViT-B-16.pt")
    assert source.sha256 in source.url
    assert "351 MB, licence MIT" in str(source)


def test_other_weights_come_from_the_hub() -> None:
    source = source_of("ViT-L-14", "laion2b_s32b_b82k")
    assert source.url.startswith("https://huggingface.co/laion/CLIP-ViT-L-14")
    assert source.target.name == "ViT-L-14--laion2b_s32b_b82k.safetensors"
    assert (round(source.size / 1e6), source.licence) == (1710, "MIT")
    assert "shown at https://huggingface.co/laion" in instructions(source)


def test_unknown_tag_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no published weights 'best'.*openai"):
        source_of("ViT-B-16-quickgelu", "best")


def test_download(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_local(source) is None
    path = download(source)
    assert path == source.target == find_local(source)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Downloading ViT-B-16-quickgelu/openai, 351 MB, licence MIT" in shown.err
    assert "100%" in shown.err


def test_progress_hears_every_piece(source: Source) -> None:
    heard: list[tuple[int, int]] = []
    download(source, lambda _, done, total: heard.append((done, total)))
    assert heard[0] == (0, len(CONTENT))
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert heard == sorted(heard)


def test_server_that_does_not_tell_the_size(source: Source, server: str) -> None:
    path = download(replace(source, url=f"{server}/unmeasured"), lambda *_: None)
    assert path.read_bytes() == CONTENT


def test_progress_may_cancel(source: Source) -> None:
    def cancel(source: Source, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(source, cancel)
    assert list(source.target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, "wrong SHA-256"),
        ({"path": "/missing"}, "Download failed.*404.*save it as"),
        ({"path": "/broken"}, "Download failed.*broke off after 5119999 of 5120000"),
    ],
)
def test_failed_download_leaves_nothing(
    change: dict[str, str], message: str, source: Source, server: str
) -> None:
    path = change.pop("path", None)
    source = replace(source, **change, **({"url": server + path} if path else {}))
    with pytest.raises(UserError, match=message):
        download(source, lambda *_: None)
    assert list(source.target.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["ViT-B-16-quickgelu/openai", "ViT-L-14/laion2b_s32b_b82k"])
def test_offline_says_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    source = source_of(*name.split("/"))
    with pytest.raises(UserError, match=f"Download failed.*{name}.*save it as"):
        download(source)
    assert not source.target.exists()


def test_hub_tells_size_hash_and_licence(
    server: str, source: Source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = SimpleNamespace(size=len(CONTENT), etag=DIGEST)
    card = SimpleNamespace(card_data=SimpleNamespace(license="apache-2.0"))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: facts)
    monkeypatch.setattr(huggingface_hub, "model_info", lambda *_, **__: card)
    download(replace(source, sha256=None))
    assert "5 MB, licence apache-2.0" in capsys.readouterr().err


def test_files_fetched_by_open_clip_are_found(tmp_path: Path) -> None:
    source = source_of("ViT-B-16-quickgelu", "openai")
    clip_cache = tmp_path / "home" / ".cache" / "clip" / "ViT-B-16.pt"
    clip_cache.parent.mkdir(parents=True)
    clip_cache.write_bytes(CONTENT)
    assert find_local(replace(source, sha256=DIGEST)) == clip_cache


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    source = replace(source_of("ViT-B-16-quickgelu", "openai"), sha256=DIGEST)
    source.target.parent.mkdir(parents=True)
    source.target.write_bytes(CONTENT[:-1])
    assert find_local(source) is None
    source.target.write_bytes(CONTENT)
    assert find_local(source) == source.target


def test_files_in_the_hub_cache_are_found(tmp_path: Path) -> None:
    source = source_of("ViT-B-32", "laion2b_s34b_b79k")
    folder = tmp_path / "hub" / f"models--{source.repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / "abc" / "open_clip_model.safetensors"
    snapshot.parent.mkdir(parents=True)
    snapshot.touch()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    assert find_local(source) == snapshot
