"""The speech encoder gives the same outputs whole and in pieces, and looks ahead no farther."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import checkpoints
from wav2lip.audio import MEL_RATE, SILENCE
from wav2lip.compact import mouth_motion, voice_net
from wav2lip.compact.engine import CompactEngine, networks_of, voice_networks
from wav2lip.compact.speech_encoder import (
    LIVE,
    OFFLINE,
    OUTPUTS,
    ReceptiveField,
    SpeechEncoder,
    Stream,
)
from wav2lip.training.shrink import halved

PIECES = (1, 1, 2, 7, 30, 1, 100, 91, 100)


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    torch.manual_seed(0)
    encoder = SpeechEncoder()
    with torch.no_grad():
        encoder(torch.randn(4, 80, 400))  # statistics for the batch norms
    return encoder.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def mel() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(-4, 4, (80, 333)).astype(np.float32))


def test_it_is_small_and_looks_ahead_little(encoder: SpeechEncoder) -> None:
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 2_500_000
    assert LIVE.look_ahead <= 0.1
    assert OFFLINE.look_ahead <= 0.3
    assert encoder.context % voice_net.STRIDE == 0


@pytest.mark.parametrize("columns", [1, 2, 31, 60])
def test_one_output_for_every_other_column(encoder: SpeechEncoder, columns: int) -> None:
    assert encoder(torch.zeros(2, 80, columns)).shape == (2, OUTPUTS, -(-columns // 2))


@pytest.mark.parametrize("live", [True, False])
def test_a_stream_gives_the_outputs_of_the_whole(
    encoder: SpeechEncoder, mel: torch.Tensor, live: bool
) -> None:
    field, exit_number = (LIVE, 0) if live else (OFFLINE, 1)
    padded = functional.pad(mel[None], (field.before, 0), value=SILENCE)
    whole = encoder.exits(padded)[exit_number].outputs[0]
    stream = Stream(encoder, live)
    outputs, given = [], 0
    for columns in PIECES:
        outputs.append(stream.push(mel[:, given : given + columns]))
        given += columns
        # All that can be told by now: the last output is for column given - 1 - field.after.
        told = sum(piece.shape[1] for piece in outputs)
        assert told == max(given - field.after + 1, 0) // 2
    assert torch.cat(outputs, 1) == pytest.approx(whole, abs=1e-5)


@pytest.mark.parametrize(("field", "exit_number"), [(LIVE, 0), (OFFLINE, 1)])
def test_nothing_outside_the_receptive_field_matters(
    encoder: SpeechEncoder, mel: torch.Tensor, field: ReceptiveField, exit_number: int
) -> None:
    output = 40
    at = field.before + voice_net.STRIDE * output
    beyond, inside = mel.clone(), mel.clone()
    beyond[:, : at - field.before] = beyond[:, at + field.after + 1 :] = SILENCE
    inside[:, at + field.after] += 100
    real, same, other = (
        encoder.exits(each[None])[exit_number].shapes[0, :, output]
        for each in (mel, beyond, inside)
    )
    assert same == pytest.approx(real, abs=1e-5)
    assert other != pytest.approx(real, abs=1e-4)


def test_predictions_do_not_depend_on_how_they_are_asked_for(
    encoder: SpeechEncoder, mel: torch.Tensor
) -> None:
    seconds = np.arange(0, 333 / MEL_RATE, 0.04)
    whole = voice_net.predict([encoder], mel.numpy(), seconds)
    some = voice_net.predict([encoder], mel.numpy(), seconds[37:40])
    assert some == pytest.approx(whole[37:40], abs=1e-5)


def test_an_engine_reads_an_encoder_from_its_checkpoint(
    encoder: SpeechEncoder, mel: torch.Tensor, tmp_path: Path
) -> None:
    content = torch.load(checkpoints.require("compact"), weights_only=True)
    content |= {"voice_network": ["speech_encoder"], "voice": [halved(encoder.state_dict())]}
    torch.save(content, tmp_path / "compact.pt")
    engine = CompactEngine.from_checkpoint(tmp_path / "compact.pt")
    instants = np.arange(100) / 40
    speaker = mouth_motion.Speaker(
        **{name: content["speaker"][name].numpy() for name in ("mean", "deviation", "closed")}
    )
    expected = mouth_motion.drive([encoder], speaker, mel.numpy(), 0, len(instants), 40)
    assert engine.drive(mel.numpy(), 0, len(instants), 40) == pytest.approx(expected, abs=0.05)
    assert np.ptp(expected) > 0


def test_of_an_ensemble_shapes_are_the_mean_and_closures_those_of_encoders(
    encoder: SpeechEncoder, mel: torch.Tensor
) -> None:
    content = torch.load(checkpoints.require("compact"), weights_only=True)
    names = voice_networks(content)
    only = {"voice_network": names[:1], "voice": content["voice"][:1]}
    both = {
        "voice_network": [*names[:1], "speech_encoder"],
        "voice": [*content["voice"][:1], encoder.state_dict()],
    }
    seconds = np.arange(0, 2, 0.04)
    answers = []
    for part in (only, both):
        nets = networks_of(content | part)
        answers.append(voice_net.predict(nets, mel.numpy(), seconds))
    alone = voice_net.predict([encoder], mel.numpy(), seconds)
    together = answers[1]
    assert together[:, :8] == pytest.approx((answers[0][:, :8] + alone[:, :8]) / 2, abs=1e-3)
    assert together[:, 8] == pytest.approx(alone[:, 8], abs=1e-3)
