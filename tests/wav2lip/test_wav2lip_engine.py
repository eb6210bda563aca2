"""The paper's generator at its real size, from a file of weights to frames with new mouths."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor, nn

import wav2lip
from media.errors import NamedError
from wav2lip import compositing, inference
from wav2lip.audio import mel_spectrogram
from wav2lip.networks import LOWER_EXACT, LOWER_TOP, Wav2Lip
from wav2lip.onednn import packed
from wav2lip.wav2lip_engine import Wav2LipEngine

FACE = np.array([160.0, 60.0, 290.0, 200.0])
FPS = Fraction(25)
CONVOLUTIONS = nn.Conv2d | nn.ConvTranspose2d


@pytest.fixture(scope="module")
def weights_file(
    filled: Callable[[str], dict[str, Tensor]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("weights") / "fine-tune.pth"
    torch.save({"state_dict": filled("wav2lip")}, path)
    return path


@pytest.fixture(scope="module")
def engine(weights_file: Path) -> wav2lip.Engine:
    return wav2lip.load(weights_file, device="cpu", precision="half")


@pytest.fixture(scope="module")
def mel() -> np.ndarray:
    """A voice that swells twice a second."""
    t = np.arange(16_000) / 16_000
    voice = 0.3 * np.sin(2 * np.pi * 150 * t) * np.sin(2 * np.pi * t) ** 2
    return mel_spectrogram(voice.astype(np.float32))


@pytest.fixture
def trained(new_generator: Callable[[], Wav2Lip]) -> Wav2Lip:
    """The network as it left training: batch norm in place, single precision."""
    return new_generator()


class Generator:
    """Stands where `inference.Generator` stands, and knows nothing of faces."""

    device = "cpu"

    def encode(self, faces: Tensor) -> list[Tensor]:
        return []

    def draw(self, mel: Tensor, known: list[Tensor], lower: bool = False) -> Tensor:
        raise NotImplementedError


def frames(count: int) -> list[np.ndarray]:
    return [data.astronaut() for _ in range(count)]


def boxes(count: int) -> np.ndarray:
    return np.tile(FACE, (count, 1))


def test_a_file_of_weights_becomes_an_engine(engine: wav2lip.Engine) -> None:
    assert (engine.name, engine.architecture, engine.device) == ("fine-tune", "wav2lip", "cpu")
    assert engine.pads == (0, 10, 0, 0)


def test_only_the_lower_half_of_the_face_changes_and_with_the_voice(
    engine: wav2lip.Engine, mel: np.ndarray
) -> None:
    given = frames(3)
    drawn = engine.render(given, boxes(3), engine.drive(mel, 2, 5, FPS))
    for frame, before in zip(drawn, given, strict=True):
        assert frame.dtype == np.uint8
        rows, columns = np.nonzero((frame != before).any(axis=2))
        assert rows.min() >= 130
        assert rows.max() < 200
        assert columns.min() >= 160
        assert columns.max() < 290
    assert (drawn[0] != drawn[2]).any()


def test_frames_given_are_never_written_to(engine: wav2lip.Engine, mel: np.ndarray) -> None:
    given = frames(1)
    given[0].flags.writeable = False
    engine.render(given, boxes(1), engine.drive(mel, 0, 1, FPS), blend=False)
    np.testing.assert_array_equal(given[0], data.astronaut())


def test_no_frames_are_no_work(engine: wav2lip.Engine, mel: np.ndarray) -> None:
    assert engine.render([], boxes(0), engine.drive(mel, 3, 3, FPS)) == []


def test_drive_of_a_slice_is_the_slice_of_the_drive(
    engine: wav2lip.Engine, mel: np.ndarray
) -> None:
    whole = engine.drive(mel, 0, 25, FPS)
    assert whole.shape == (25, 80, 16)
    np.testing.assert_array_equal(engine.drive(mel, 7, 19, FPS), whole[7:19])


def test_the_generator_sees_blue_first_and_a_masked_face_before_the_whole_one() -> None:
    """What the original's inference feeds its network, and how it reads the answer."""

    class Echo(Generator):
        def encode(self, faces: Tensor) -> list[Tensor]:
            self.faces = faces
            return [faces]

        def draw(self, mel: Tensor, known: list[Tensor], lower: bool = False) -> Tensor:
            self.mel = mel
            return known[0][:, 3:]

    echo = Echo()
    frame = np.zeros((96, 96, 3), np.uint8)
    frame[:] = (250, 100, 10)
    window = np.arange(80 * 16, dtype=np.float32).reshape(1, 80, 16)
    (out,) = Wav2LipEngine(echo).render([frame], np.array([[0, 0, 96, 96.0]]), window, False)
    np.testing.assert_array_equal(out, frame)
    np.testing.assert_array_equal(echo.mel[0, 0].numpy(), window[0])
    blue_first = (10 / 255, 100 / 255, 250 / 255)
    assert echo.faces[0, :, 0, 0].tolist() == pytest.approx([*blue_first, *blue_first])
    assert echo.faces[0, :, 48, 0].tolist() == pytest.approx([0, 0, 0, *blue_first])


class Cramped(Generator):
    """On a device that has room for only so many faces at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sizes: list[int] = []

    def draw(self, mel: Tensor, known: list[Tensor], lower: bool = False) -> Tensor:
        self.sizes.append(len(mel))
        if len(mel) > self.room:
            raise torch.OutOfMemoryError("out of memory")
        return (mel[:, :, :1, :1] / 255).expand(-1, 3, 96, 96)


def test_batches_halve_until_they_fit_and_every_frame_is_drawn_in_order() -> None:
    network = Cramped(room=3)
    engine = Wav2LipEngine(network, batch_size=8)
    voice = np.arange(10, dtype=np.float32)[:, None, None] + np.zeros((10, 80, 16), np.float32)
    drawn = engine.render(frames(10), boxes(10), voice, blend=False)
    assert [int(frame[180, 200, 0]) for frame in drawn] == list(range(10))
    assert network.sizes == [8, 4, 2, 2, 2, 2, 2]


def test_no_room_for_a_single_face_is_a_named_error() -> None:
    engine = Wav2LipEngine(Cramped(room=0), batch_size=2)
    with pytest.raises(NamedError) as error:
        engine.render(frames(2), boxes(2), np.zeros((2, 80, 16), np.float32))
    assert error.value.code == "out-of-memory"


def test_another_failure_is_not_taken_for_a_lack_of_memory() -> None:
    class Broken(Cramped):
        def draw(self, mel: Tensor, known: list[Tensor], lower: bool = False) -> Tensor:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Wav2LipEngine(Broken(room=1)).render(frames(1), boxes(1), np.zeros((1, 80, 16), np.float32))


def test_half_a_generator_is_a_corrupt_checkpoint(
    filled: Callable[[str], dict[str, Tensor]], tmp_path: Path
) -> None:
    decoder = {key: value for key, value in filled("wav2lip").items() if "audio" not in key}
    torch.save({"state_dict": decoder}, tmp_path / "half.pth")
    with pytest.raises(NamedError) as error:
        wav2lip.load(tmp_path / "half.pth")
    assert error.value.code == "checkpoint-corrupt"


def drawn_by(generator: inference.Generator, mel: np.ndarray) -> np.ndarray:
    """The faces that an engine makes of two frames, in levels."""
    engine = Wav2LipEngine(generator)
    faces = engine.render(frames(2), boxes(2), engine.drive(mel, 3, 5, FPS), blend=False)
    return np.array(faces, dtype=int)[:, 60:200, 160:290]


def test_half_precision_draws_what_the_trained_network_draws(
    trained: Wav2Lip, mel: np.ndarray
) -> None:
    plain = drawn_by(inference.Generator(trained, "cpu", torch.float32), mel)
    fast = drawn_by(inference.fastest(trained, "cpu", "half"), mel)
    difference = np.abs(plain - fast)
    assert difference.mean() <= 0.3
    assert difference.max() <= 3


def test_full_precision_draws_exactly_what_the_trained_network_draws(
    trained: Wav2Lip, mel: np.ndarray
) -> None:
    exact = inference.fastest(trained, "cpu", "fp32")
    assert exact.dtype == torch.float32
    plain = drawn_by(inference.Generator(trained, "cpu", torch.float32), mel)
    difference = np.abs(plain - drawn_by(exact, mel))
    # Where a level lies half way between two, the order of a sum decides.
    assert difference.max() <= 1
    assert difference.mean() < 0.001


def packs_bfloat16() -> bool:
    cpu = torch.cpu.get_capabilities()
    avx512 = all(cpu.get(each) for each in ("avx512_bw", "avx512_vl", "avx512_dq"))
    return bool(avx512 or cpu.get("avx_ne_convert"))


needs_bfloat16 = pytest.mark.skipif(
    not packs_bfloat16(), reason="oneDNN packs bfloat16 on CPUs with AVX-512 or AVX-NE-CONVERT"
)


@pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.bfloat16, marks=needs_bfloat16)]
)
def test_packed_weights_draw_what_plain_ones_draw(trained: Wav2Lip, dtype: torch.dtype) -> None:
    inference.fold_batch_norm(trained)
    plain = inference.Generator(trained.to(dtype), "cpu", dtype)
    fast = replace(plain, network=packed(trained))
    left = [each for each in fast.network.modules() if isinstance(each, CONVOLUTIONS)]
    assert left == []
    mean, largest = inference.error(fast, plain)
    assert mean <= (0.001 if dtype == torch.float32 else 0.3)
    assert largest <= (0.01 if dtype == torch.float32 else 3)


def test_without_packed_kernels_the_plain_network_draws(
    trained: Wav2Lip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(network: nn.Module) -> nn.Module:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_reorder'")

    monkeypatch.setattr(inference, "packed", lacking)
    generator = inference.fastest(trained, "cpu", "half")
    assert any(isinstance(module, nn.Conv2d) for module in generator.network.modules())


def test_half_precision_is_given_up_where_it_draws_another_picture(
    trained: Wav2Lip, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.output_block[1].weight.data *= 1000  # every rounding error becomes black or white
    monkeypatch.setattr(inference, "fast_dtype", lambda device: torch.bfloat16)
    assert inference.fastest(trained, "cpu", "half").dtype == torch.float32


@torch.inference_mode()
def test_the_lower_part_alone_is_drawn_as_in_the_whole(trained: Wav2Lip, mel: np.ndarray) -> None:
    generator = inference.Generator(trained, "cpu", torch.float32)
    window = torch.from_numpy(mel[None, None, :, 10:26])
    known = generator.encode(torch.rand(1, 6, 96, 96, generator=torch.Generator().manual_seed(0)))
    whole, part = generator.draw(window, known), generator.draw(window, known, lower=True)
    assert part.shape == (1, 3, 96 - LOWER_TOP, 96)
    torch.testing.assert_close(
        part[:, :, LOWER_EXACT - LOWER_TOP :], whole[:, :, LOWER_EXACT:], rtol=0, atol=1e-5
    )


def test_a_blended_mouth_never_shows_what_is_above_the_lower_part() -> None:
    frame = data.astronaut()
    patch = np.full((96, 96, 3), 90, np.uint8)
    above = patch.copy()
    above[:LOWER_EXACT] = 250
    for side in (20, 96, 333):  # made smaller, left, made larger
        box = np.array([60.0, 50.0, 60 + side, 50 + side])
        np.testing.assert_array_equal(
            compositing.paste(frame, patch, box), compositing.paste(frame, above, box)
        )


def test_a_still_is_encoded_once_for_every_speaker_and_batch(
    trained: Wav2Lip, mel: np.ndarray
) -> None:
    seen: list[int] = []

    class Counting(inference.Generator):
        def encode(self, faces: Tensor) -> list[Tensor]:
            seen.append(len(faces))
            return super().encode(faces)

    given, other = [data.astronaut()] * 5, boxes(5) + 3
    engine = Wav2LipEngine(Counting(trained, "cpu", torch.float32), batch_size=2)
    voice = engine.drive(mel, 0, 5, FPS)
    first = engine.render(given, boxes(5), voice)
    engine.render(first, other, voice)
    with ThreadPoolExecutor(2) as both:  # who comes second waits
        again = [both.submit(engine.render, given, boxes(5), voice) for _ in range(2)]
    assert all(np.array_equal(each.result(), first) for each in again)
    assert seen == [1, 2, 2, 1]  # the second speaker's face overlaps the first's, and so it moves
    apart = [engine.render(given[:1], boxes(1), voice[i : i + 1])[0] for i in range(5)]
    difference = np.abs(np.array(first, int) - np.array(apart))
    assert difference.max() <= 1
