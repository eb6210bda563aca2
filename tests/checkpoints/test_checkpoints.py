"""The manifest says what weights there are; `require` gives none that are missing or damaged."""

import json
import os
from pathlib import Path

import pytest

import checkpoints
from checkpoints.register import register
from media.errors import NamedError

from .conftest import WEIGHTS


def test_the_manifest_describes_the_weights_that_ship() -> None:
    assert checkpoints.all()[0].name == "compact"
    total = 0
    for name in ("compact", "expert", "speech"):
        known = checkpoints.get(name)
        shipped = checkpoints.SHIPPED / known.file
        assert shipped.stat().st_size == known.bytes
        assert checkpoints.sha256(shipped) == known.sha256
        total += shipped.stat().st_size
    assert total <= 12_000_000


def test_the_public_weights_are_listed_with_licence_and_checksum() -> None:
    listed = {checkpoint.name: checkpoint for checkpoint in checkpoints.all()}
    assert {"s3fd", "wav2lip", "wav2lip_gan", "wav2lip_gan_torchscript"} < listed.keys()
    for checkpoint in listed.values():
        known = {"compact", "wav2lip", "s3fd", "syncnet", "expert", "speech"}
        assert checkpoint.architecture in known
        assert len(checkpoint.sha256) == 64
        assert checkpoint.licence
        assert checkpoint.note


def test_weights_live_in_the_folder_of_the_environment(folder: Path) -> None:
    checkpoint = checkpoints.get("published")
    assert checkpoint.path == folder / "weights.pth"
    assert not checkpoint.present


def test_what_ships_is_found_wherever_the_folder_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    (tmp_path / "weights.pth").write_bytes(WEIGHTS)
    assert checkpoints.require("published") == tmp_path / "weights.pth"
    folder.mkdir()
    (folder / "weights.pth").write_bytes(WEIGHTS)
    assert checkpoints.require("published") == folder / "weights.pth"


def test_whole_weights_are_given(folder: Path) -> None:
    folder.mkdir()
    (folder / "weights.pth").write_bytes(WEIGHTS)
    assert checkpoints.require("published") == folder / "weights.pth"


def test_missing_weights_name_the_command_that_gets_them(folder: Path) -> None:
    with pytest.raises(NamedError, match="mouth fetch published") as error:
        checkpoints.require("published")
    assert error.value.code == "checkpoint-missing"


def test_missing_weights_without_an_address_name_the_place_for_them(folder: Path) -> None:
    with pytest.raises(NamedError) as error:
        checkpoints.require("unpublished")
    assert str(folder / "other.pth") in error.value.remedy


def test_weights_damaged_after_they_were_found_whole_are_noticed(folder: Path) -> None:
    folder.mkdir()
    path = folder / "weights.pth"
    path.write_bytes(WEIGHTS)
    checkpoints.require("published")
    path.write_bytes(WEIGHTS[:-1] + b"?")
    os.utime(path, ns=(0, 0))
    with pytest.raises(NamedError, match="Delete the file") as error:
        checkpoints.require("published")
    assert error.value.code == "checkpoint-corrupt"


def test_an_unknown_name_is_told_the_known_ones(folder: Path) -> None:
    with pytest.raises(NamedError, match="published, unpublished") as error:
        checkpoints.get("../../etc/passwd")
    assert error.value.code == "checkpoint-missing"


def test_retrained_weights_are_registered(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.pt"
    path.write_bytes(b"trained anew")
    register("unpublished", path, checkpoints.MANIFEST)
    registered = checkpoints.get("unpublished")
    assert (registered.file, registered.bytes) == ("new.pt", 12)
    assert registered.sha256 == checkpoints.sha256(path)
    assert registered.licence == "free"
    assert checkpoints.get("published").file == "weights.pth"


def test_the_manifest_is_kept_as_register_writes_it() -> None:
    """So that registering a checkpoint changes the lines of that checkpoint only."""
    text = checkpoints.MANIFEST.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
