"""Every layout of weights met in the wild loads; what could run code, or is broken, does not."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from media.errors import NamedError
from wav2lip import networks, weights

StateDict = dict[str, Tensor]


@pytest.fixture(scope="module")
def generator(filled: Callable[[str], StateDict]) -> StateDict:
    return filled("wav2lip")


def assert_same(loaded: StateDict, expected: StateDict) -> None:
    assert loaded.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(loaded[key], value), key


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_official_layout(tmp_path: Path, generator: StateDict, zipped: bool) -> None:
    path = tmp_path / "official.pth"
    content = {"state_dict": generator, "optimizer": {"state": {}}, "global_step": 7}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert_same(weights.load_state_dict(path), generator)
    assert weights.architecture(path) == "wav2lip"


def test_layout_of_parallel_training(tmp_path: Path, generator: StateDict) -> None:
    path = tmp_path / "parallel.pth"
    torch.save({"state_dict": {f"module.{key}": generator[key] for key in generator}}, path)
    assert_same(weights.load_state_dict(path), generator)
    assert weights.architecture(path) == "wav2lip"


def test_bare_layout(tmp_path: Path, generator: StateDict) -> None:
    path = tmp_path / "bare.pth"
    torch.save(generator, path)
    assert_same(weights.load_state_dict(path), generator)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript_archive(tmp_path: Path, generator: StateDict) -> None:
    network = networks.Wav2Lip().eval()
    network.load_state_dict(generator)
    path = tmp_path / "Wav2Lip-SD-GAN.pt"
    example = (torch.zeros(1, 1, 80, 16), torch.zeros(1, 6, 96, 96))
    torch.jit.save(torch.jit.trace(network, example, check_trace=False), path)
    assert_same(weights.load_state_dict(path), generator)
    assert weights.architecture(path) == "wav2lip"


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return Path.touch, (Path("exploded"),)


def test_pickled_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "bomb": Bomb()}, "bomb.pth")
    Path("plain.pkl").write_bytes(pickle.dumps(Bomb(), protocol=2))
    for name in ("bomb.pth", "plain.pkl"):
        with pytest.raises(NamedError) as error:
            weights.read(Path(name))
        assert error.value.code == "checkpoint-corrupt"
    assert not Path("exploded").exists()


def damage_empty(content: bytes) -> bytes:
    return b""


def damage_text(content: bytes) -> bytes:
    return b"<html>404: not found</html>"


def damage_cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def damage_directory(content: bytes) -> bytes:
    return content[:200] + bytes(200) + content[400:]


@pytest.mark.parametrize("damage", [damage_empty, damage_text, damage_cut, damage_directory])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_damaged_file_is_named(
    tmp_path: Path, damage: Callable[[bytes], bytes], zipped: bool
) -> None:
    path = tmp_path / "damaged.pth"
    state = nn.Linear(30, 30).state_dict()
    torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(NamedError, match=r"damaged\.pth") as error:
        weights.read(path)
    assert error.value.code == "checkpoint-corrupt"
    assert "again" in error.value.remedy


def test_weights_of_something_else_are_unsuitable(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"state_dict": nn.Linear(2, 2).state_dict()}, path)
    with pytest.raises(NamedError) as error:
        weights.architecture(path)
    assert error.value.code == "checkpoint-unsuitable"


def test_a_users_own_file_is_found_by_path_and_by_name_in_the_folder(
    tmp_path: Path, generator: StateDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path))
    path = tmp_path / "mine.pth"
    torch.save(generator, path)
    for name in (path, "mine", "mine.pth"):
        assert weights.locate(name) == (path, "wav2lip")


def test_a_file_may_say_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "small.pt"
    torch.save({"architecture": "compact", "state_dict": {}}, path)
    assert weights.locate(path) == (path, "compact")


@pytest.mark.parametrize(
    ("name", "code"),
    [("nobody-knows", "checkpoint-missing"), ("s3fd", "checkpoint-unsuitable")],
)
def test_names_that_are_no_engine(name: str, code: str) -> None:
    with pytest.raises(NamedError) as error:
        weights.locate(name)
    assert error.value.code == code
