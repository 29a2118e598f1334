"""Where someone stopped."""

import json

import pytest

from weclip_napari.session.resume import Resume, read_resume, write_resume

RESUME = Resume(
    "späte Katzen/'eins' №1.jpg",
    (12.5, -3.0),
    4.25,
    {"cam": True, "affinity": False},
    "cam",
    "chaise longue",
    {"branch": "both", "power": 1.5},
)


def content_of(folder):
    return folder / "weclip_masks" / "session.json"


@pytest.mark.parametrize("resume", [RESUME, Resume("a.png")])
def test_it_survives_a_round_trip(tmp_path, resume):
    write_resume(tmp_path, resume)
    assert read_resume(tmp_path) == resume


def test_nothing_stored_is_none(tmp_path):
    assert read_resume(tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"camera_center": [1]},
        {"camera_center": ["left", 2]},
        {"zoom": 0},
        {"zoom": float("nan")},
        {"visible": ["cam"]},
        {"settings": 5},
    ],
)
def test_a_damaged_file_is_ignored(tmp_path, damage):
    write_resume(tmp_path, RESUME)
    content = json.loads(content_of(tmp_path).read_text("utf-8"))
    content_of(tmp_path).write_text(json.dumps(content | damage))
    assert read_resume(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "\x00"])
def test_another_file_in_its_place_is_ignored(tmp_path, text):
    write_resume(tmp_path, RESUME)
    content_of(tmp_path).write_text(text)
    assert read_resume(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path):
    (tmp_path / "weclip_masks").write_text("a file is in the way")
    write_resume(tmp_path, RESUME)
    assert read_resume(tmp_path) is None
