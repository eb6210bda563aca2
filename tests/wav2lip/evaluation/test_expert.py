"""Experts as they come: the published network, and those of this program."""

from pathlib import Path

import numpy as np
import pytest
import torch

from media.errors import NamedError
from wav2lip.audio import SAMPLE_RATE
from wav2lip.evaluation import expert
from wav2lip.evaluation.footage import FPS, Footage
from wav2lip.evaluation.syncnet import PublishedSyncNet, mfcc
from wav2lip.expert import LightSyncNet


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "syncnet_v2.model"
    torch.save(PublishedSyncNet().state_dict(), path)
    return path


@pytest.fixture
def light(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "expert.pt"
    torch.save({"state_dict": LightSyncNet().state_dict()}, path)
    return path


def test_the_published_layers_are_named_as_in_the_published_file() -> None:
    state = PublishedSyncNet().state_dict()
    shapes = {
        "netcnnaud.0.weight": (64, 1, 3, 3),
        "netcnnaud.4.weight": (192, 64, 3, 3),
        "netcnnaud.18.weight": (512, 256, 5, 4),
        "netfcaud.3.weight": (1024, 512),
        "netcnnlip.0.weight": (96, 3, 5, 7, 7),
        "netcnnlip.4.weight": (256, 96, 1, 5, 5),
        "netcnnlip.18.weight": (512, 256, 1, 6, 6),
        "netfclip.0.weight": (512, 512),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


@pytest.mark.parametrize("kind", ["published", "light"])
def test_an_expert_gives_the_distance_of_every_window_at_every_lag(
    kind: str, speech: Footage, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(kind)
    judge = expert.load(path, kind)
    assert judge.name == kind
    count = 12
    frames = speech.frames_at(list(range(count)))
    faces = np.stack([judge.crop(*each) for each in zip(frames, speech.faces, strict=False)])
    samples = speech.samples[: count * SAMPLE_RATE // FPS]
    measured = judge.distances(faces, samples)
    assert measured.shape == (count - 4, 31)
    again = judge.distances(faces[1:], samples[SAMPLE_RATE // FPS :])
    assert again[:, 15] == pytest.approx(measured[1:, 15], rel=0.15)


def test_other_weights_are_no_expert(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": {"a": torch.zeros(3)}}, path)
    with pytest.raises(NamedError) as failure:
        expert.load(path, "other")
    assert failure.value.code == "checkpoint-corrupt"


def test_an_expert_that_is_not_there_is_named() -> None:
    with pytest.raises(NamedError) as failure:
        expert.locate("nobody")
    assert failure.value.code == "checkpoint-missing"


def test_a_generator_is_no_expert() -> None:
    with pytest.raises(NamedError, match="compact is no sync expert"):
        expert.locate("compact")


def test_a_cepstrum_begins_with_the_energy_of_each_hundredth_second() -> None:
    samples = np.zeros(SAMPLE_RATE, np.float32)
    samples[8000:] = 0.1 * np.sin(2 * np.pi * 440 * np.arange(8000) / SAMPLE_RATE)
    found = mfcc(samples)
    assert found.shape == (13, 99)
    assert found[0, :40] == pytest.approx(np.log(np.finfo(float).eps))
    # Parseval: half of the energy of 400 samples lies in 257 of 512 bins.
    tone = samples[12000:12400] * 32768
    emphasised = tone[1:] - 0.97 * tone[:-1]
    assert found[0, 80] == pytest.approx(np.log((emphasised**2).sum() / 2), abs=0.05)


def test_a_cepstrum_tells_pitches_apart_and_not_loudness() -> None:
    time = np.arange(8000) / SAMPLE_RATE
    low, high = (np.sin(2 * np.pi * hertz * time) for hertz in (300, 3000))
    shape = [mfcc(0.5 * sound)[1:, 20] for sound in (low, high, 0.5 * low)]
    assert np.abs(shape[0] - shape[1]).max() > 10
    assert np.abs(shape[0] - shape[2]).max() < 0.5
