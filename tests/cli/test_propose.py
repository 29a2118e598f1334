from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.helpers import Run, random_image
from weclip_napari.session.images import read_image, write_image
from weclip_napari.session.masks import read_mask, write_mask


@pytest.fixture
def propose(run: Run, model_folder: Path, tmp_path: Path) -> Run:
    """``propose FOLDER --out OUT --model TINY`` with more arguments."""

    def command(folder: Path, *args: object) -> tuple[int, str, str]:
        out = tmp_path / "out"
        return run("propose", folder, "--out", out, "--model", model_folder, *args)

    return command


def written(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_writes_masks_overlays_and_scores(propose: Run, images: Path, tmp_path: Path) -> None:
    code, out, err = propose(images, "--tag", "ring", "stop sign")
    assert (code, out) == (0, "")
    assert "3 images tried" in err
    names = [f"{stem}{end}" for stem in ("a 1", "b3", "sub/ü'2") for end in ("",)]
    expected = {"classes.txt"}
    for name in names:
        expected |= {f"masks/{name}.png", f"scores/{name}.json"}
        for tag in ("1-ring", "2-stop_sign"):
            expected |= {f"overlays/{name}.{tag}.{kind}.jpg" for kind in ("cam", "refined")}
    assert written(tmp_path / "out") == expected


def test_scores_and_mask_agree(propose: Run, images: Path, tmp_path: Path) -> None:
    propose(images, "--tag", "star", "stop sign")
    scores = json.loads((tmp_path / "out" / "scores" / "a 1.json").read_text())
    mask = read_mask(tmp_path / "out" / "masks" / "a 1.png")
    assert (scores["image"], scores["width"], scores["height"]) == ("a 1.png", 56, 40)
    assert mask.shape == (40, 56)
    assert [tag["name"] for tag in scores["tags"]] == ["star", "stop sign"]
    assert [tag["branch"] for tag in scores["tags"]] == ["decoder", "cam"]
    for tag in scores["tags"]:
        assert tag["pixels"] == np.count_nonzero(mask == tag["label"])
        assert 0 <= tag["score"] <= 1
    overlay = read_image(tmp_path / "out" / "overlays" / "a 1.1-star.cam.jpg")
    assert overlay.shape == (40, 56, 3)


def test_label_ids_stay_the_same_over_runs(propose: Run, images: Path, tmp_path: Path) -> None:
    propose(images, "--tag", "star")
    propose(images, "--tag", "cat", "star", "--overwrite")
    assert (tmp_path / "out" / "classes.txt").read_text() == "star\ncat\n"


def test_upper_and_lower_case_are_one_class(propose: Run, dataset: Path, tmp_path: Path) -> None:
    code, _, err = propose(dataset, "--tag", "Star", "zebra", "star")
    assert code == 0, err
    assert (tmp_path / "out" / "classes.txt").read_text() == "disc\nring\nstar\nzebra\n"
    scores = json.loads((tmp_path / "out" / "scores" / "0.json").read_text())
    assert {tag["name"].lower(): tag["label"] for tag in scores["tags"]} == {"star": 3, "zebra": 4}


def test_label_ids_are_those_of_a_data_set(propose: Run, dataset: Path, tmp_path: Path) -> None:
    code, _, err = propose(dataset, "--tags", dataset / "tags.csv")
    assert code == 0, err
    assert (tmp_path / "out" / "classes.txt").read_text() == "disc\nring\nstar\n"
    assert written(tmp_path / "out" / "masks") == {f"{i}.png" for i in range(4)}
    assert set(np.unique(read_mask(tmp_path / "out" / "masks" / "3.png"))) <= {0, 2, 3}


def test_skips_what_is_done_unless_asked(propose: Run, images: Path, tmp_path: Path) -> None:
    painted = np.full((40, 56), 7, np.uint8)
    (tmp_path / "out" / "masks").mkdir(parents=True)
    path = tmp_path / "out" / "masks" / "b3.png"
    write_mask(path, painted)
    code, _, err = propose(images, "--tag", "ring")
    assert code == 0
    assert "2 images tried, 1 done before" in err
    np.testing.assert_array_equal(read_mask(path), painted)
    code, _, err = propose(images, "--tag", "ring", "--overwrite")
    assert "3 images tried, 0 done before" in err
    assert not np.array_equal(read_mask(path), painted)


def test_images_that_differ_in_their_ending_only(
    propose: Run, images: Path, tmp_path: Path
) -> None:
    write_image(images / "b3.jpg", random_image(9))
    propose(images, "--tag", "ring")
    assert {"b3.jpg.png", "b3.png.png", "a 1.png"} <= written(tmp_path / "out" / "masks")


def test_output_inside_the_folder_is_no_input(run: Run, images: Path, model_folder: Path) -> None:
    command = ("propose", images, "--out", images / "out", "--model", model_folder, "--tag", "disc")
    assert run(*command)[0] == 0
    code, _, err = run(*command)
    assert code == 0
    assert "0 images tried, 3 done before" in err


def test_test_time_options_are_passed_on(propose: Run, images: Path) -> None:
    options = ("--scales", "0.75", "1.0", "--flip", "--device", "cpu", "--branch", "decoder")
    code, _, err = propose(images, "--tag", "ring", *options)
    assert code == 0, err


def test_a_broken_image_is_named_and_the_others_done(
    propose: Run, images: Path, tmp_path: Path
) -> None:
    data = (images / "a 1.png").read_bytes()
    (images / "broken.png").write_bytes(data[: len(data) // 2])
    write_image(images / "tiny.png", random_image(0, 4, 56))
    code, _, err = propose(images, "--tag", "ring")
    assert code == 2
    assert f"error: '{images / 'broken.png'}' cannot be read" in err
    assert f"error: {images / 'tiny.png'}: " in err
    assert len(written(tmp_path / "out" / "masks")) == 3


def test_a_huge_image_is_done_and_said_so(propose: Run, images: Path, tmp_path: Path) -> None:
    write_image(images / "huge.png", np.zeros((40, 12_000, 3), np.uint8))
    code, _, err = propose(images, "--tag", "ring")
    assert code == 0, err
    assert f"{images / 'huge.png'}: " in err
    assert read_mask(tmp_path / "out" / "masks" / "huge.png").shape == (40, 12_000)


def test_no_tags(propose: Run, images: Path) -> None:
    for args in ((), ("--tag", " ")):
        code, _, err = propose(images, *args)
        assert (code, "no tags: name some by --tag" in err) == (2, True)


def test_tags_file_with_faults_still_does_the_rest(
    propose: Run, images: Path, tmp_path: Path
) -> None:
    (images / "tags.csv").write_text("image,tags\na 1.png,ring\ngone.png,disc\nb3.png,\n")
    code, _, err = propose(images, "--tags", images / "tags.csv")
    assert code == 2
    assert "tags.csv names 'gone.png', which is not in" in err
    assert f"{images / 'b3.png'} has no tags; add a line" in err
    assert written(tmp_path / "out" / "masks") == {"a 1.png"}


def test_tags_file_beside_the_images_is_found(propose: Run, images: Path) -> None:
    (images / "tags.csv").write_text("image,tags\na 1,ring\nb3,disc\nsub/ü'2.jpg,star\n")
    assert propose(images, "--tags", "tags.csv")[0] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("image,tags\nä.png,x\n".encode("latin-1"), "is not UTF-8"), (b"x\n", "has no columns")],
)
def test_unreadable_tags_file(propose: Run, images: Path, content: bytes, message: str) -> None:
    (images / "tags.csv").write_bytes(content)
    code, _, err = propose(images, "--tags", images / "tags.csv")
    assert code == 2
    assert f"tags.csv' {message}" in err


def test_missing_tags_file(propose: Run, images: Path) -> None:
    code, _, err = propose(images, "--tags", "gone.csv")
    assert (code, "'gone.csv' does not exist" in err) == (2, True)


def test_empty_and_missing_folders(propose: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = propose(tmp_path / "empty", "--tag", "ring")
    assert (code, "empty' holds no images" in err) == (2, True)
    code, _, err = propose(tmp_path / "gone", "--tag", "ring")
    assert (code, "gone' does not exist" in err) == (2, True)


def test_output_must_not_be_the_folder_itself(run: Run, images: Path) -> None:
    code, _, err = run("propose", images, "--tag", "x", "--out", images / "sub" / "..")
    assert (code, "holds the images themselves" in err) == (2, True)


def test_too_many_classes_for_a_mask(propose: Run, images: Path) -> None:
    code, _, err = propose(images, "--tag", *(f"t{number}" for number in range(255)))
    assert (code, "more than a mask's 254" in err) == (2, True)


def test_missing_checkpoint_and_weights(run: Run, images: Path, tmp_path: Path) -> None:
    command = ("propose", images, "--tag", "x", "--out", tmp_path / "out", "--model")
    code, _, err = run(*command, tmp_path / "gone")
    assert (code, str(tmp_path / "gone") in err) == (2, True)
    code, _, err = run(*command, "ViT-B-16-quickgelu/openai", "--weights", tmp_path / "gone.pt")
    assert (code, "gone.pt" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_checkpoint_for_another_backbone(
    run: Run, images: Path, model_folder: Path, tmp_path: Path
) -> None:
    from weclip_napari.core.storage import save_model
    from weclip_napari.core.untrained import random_model

    other = tmp_path / "other"
    save_model(other, random_model(seed=1))
    (other / "decoder.safetensors").write_bytes((model_folder / "decoder.safetensors").read_bytes())
    (other / "config.json").write_bytes((model_folder / "config.json").read_bytes())
    code, _, err = run("propose", images, "--tag", "x", "--out", tmp_path / "out", "--model", other)
    assert code == 2
    assert "other" in err
    assert "backbone" in err


def test_output_that_cannot_be_written(run: Run, images: Path, model_folder: Path) -> None:
    out = images / "b3.png" / "out"
    code, _, err = run("propose", images, "--tag", "x", "--out", out, "--model", model_folder)
    assert code == 2
    assert str(images / "b3.png") in err
    assert "check the disk's free space" in err


@pytest.mark.parametrize("scale", ["nan", "inf", "0", "-1"])
def test_scales_must_be_positive(propose: Run, images: Path, scale: str) -> None:
    code, _, err = propose(images, "--tag", "ring", f"--scales={scale}")
    assert (code, "must be a positive number" in err) == (2, True)


def test_a_device_that_cannot_compute(propose: Run, images: Path) -> None:
    code, _, err = propose(images, "--tag", "ring", "--device", "meta")
    assert (code, "Device 'meta' cannot be used" in err) == (2, True)


def test_tags_unknown_to_the_decoder_are_refused_at_once(
    propose: Run, images: Path, tmp_path: Path
) -> None:
    code, _, err = propose(images, "--tag", "ring", "zebra", "--branch", "decoder")
    assert (code, err.count("does not know zebra")) == (2, 1)
    assert not (tmp_path / "out").exists()
