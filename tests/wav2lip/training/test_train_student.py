"""The speech encoder, distilled from a made-up teacher."""

import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import checkpoints
from media.errors import NamedError
from wav2lip.audio import SAMPLE_RATE, SILENCE
from wav2lip.compact import mouth_motion, voice_net
from wav2lip.compact.engine import CompactEngine
from wav2lip.compact.speech_encoder import SpeechEncoder
from wav2lip.training import (
    av_offset,
    dataset,
    distillation_data,
    export,
    speech_corpus,
    train_student,
    train_voice,
)
from wav2lip.training.amplitude import with_real_amplitude
from wav2lip.training.config import StudentConfig, VoiceConfig
from wav2lip.training.distillation_data import COLUMNS, SEQUENCE, DistillationSampler, Source
from wav2lip.training.teacher import LAYERS, WIDTH, Teacher

SMALL = StudentConfig(
    steps=3, head_steps=3, heads=1, batch=2, head_batch=2, eval_interval=2, pieces=1
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A buzz is no speech, and clips of less than two seconds give short sequences."""
    monkeypatch.setattr(av_offset, "IN_SYNC", -1.0)


def _parameters() -> dict[str, Tensor]:
    """Random weights by the names of OpenAI's file."""
    torch.manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (WIDTH, 80, 3),
        "conv1.bias": (WIDTH,),
        "conv2.weight": (WIDTH, WIDTH, 3),
        "conv2.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        for part in ("query", "key", "value", "out"):
            shapes[f"blocks.{layer}.attn.{part}.weight"] = (WIDTH, WIDTH)
            if part != "key":
                shapes[f"blocks.{layer}.attn.{part}.bias"] = (WIDTH,)
        for norm in ("attn_ln", "mlp_ln"):
            shapes[f"blocks.{layer}.{norm}.weight"] = (WIDTH,)
            shapes[f"blocks.{layer}.{norm}.bias"] = (WIDTH,)
        for part, size in (("0", (4 * WIDTH, WIDTH)), ("2", (WIDTH, 4 * WIDTH))):
            shapes[f"blocks.{layer}.mlp.{part}.weight"] = size
            shapes[f"blocks.{layer}.mlp.{part}.bias"] = size[:1]
    return {name: 0.05 * torch.randn(shape) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the layout of OpenAI's tiny.en.pt."""
    path = tmp_path_factory.mktemp("teacher") / "tiny.en.pt"
    state = {f"encoder.{name}": value for name, value in _parameters().items()}
    torch.save({"dims": {"n_mels": 80}, "model_state_dict": state}, path)
    return path


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in the layout of CTranslate2."""
    given = {name: value.numpy() for name, value in _parameters().items()}
    arrays = {
        f"encoder/{name}/{kind}": given[f"{name}.{kind}"]
        for name in ("conv1", "conv2")
        for kind in ("weight", "bias")
    }
    for layer in range(LAYERS):
        ours, theirs = f"blocks.{layer}", f"encoder/layer_{layer}"
        parts = [given[f"{ours}.attn.{part}.weight"] for part in ("query", "key", "value")]
        query, value = (given[f"{ours}.attn.{part}.bias"] for part in ("query", "value"))
        arrays[f"{theirs}/self_attention/linear_0/weight"] = np.concatenate(parts)
        arrays[f"{theirs}/self_attention/linear_0/bias"] = np.concatenate((query, 0 * query, value))
        for there, here in (
            ("self_attention/linear_1", "attn.out"),
            ("ffn/linear_0", "mlp.0"),
            ("ffn/linear_1", "mlp.2"),
        ):
            for kind in ("weight", "bias"):
                arrays[f"{theirs}/{there}/{kind}"] = given[f"{ours}.{here}.{kind}"]
        for there, here in (("self_attention", "attn_ln"), ("ffn", "mlp_ln")):
            for their, kind in (("gamma", "weight"), ("beta", "bias")):
                arrays[f"{theirs}/{there}/layer_norm/{their}"] = given[f"{ours}.{here}.{kind}"]
    path = tmp_path_factory.mktemp("teacher") / "encoder.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of noise that comes and goes."""
    folder = tmp_path_factory.mktemp("speech")
    samples = _noise(SAMPLE_RATE) * np.sin(np.linspace(0, 20, SAMPLE_RATE)) ** 2
    with wave.open(str(folder / "one.wav"), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(SAMPLE_RATE)
        opened.writeframes((8000 * samples).astype(np.int16).tobytes())
    return folder


def _noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, count).astype(np.float32)


def test_a_teacher_is_the_same_from_either_file(teacher_file: Path, converted: Path) -> None:
    samples = _noise(SAMPLE_RATE)
    features = Teacher.load(teacher_file)(samples)
    assert features.shape == (50, WIDTH)
    assert np.ptp(features) > 0
    assert Teacher.load(converted)(samples) == pytest.approx(features, abs=1e-5)


def test_another_file_is_no_teacher(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model_state_dict": {}}, path)
    with pytest.raises(NamedError, match=r"other\.pt") as raised:
        Teacher.load(path)
    assert raised.value.code == "checkpoint-corrupt"
    with pytest.raises(ValueError, match="30 s"):
        Teacher(_parameters())(np.zeros(31 * SAMPLE_RATE, np.float32))


def test_recordings_keep_what_was_said_when(
    prepared: Path, clips: Path, speech: Path, teacher_file: Path, tmp_path: Path
) -> None:
    loaded = dataset.load(prepared, clips / "clips.csv")
    encoder, rng = Teacher.load(teacher_file), np.random.default_rng(0)
    made = list(speech_corpus.recorded(speech_corpus.of_clips(loaded), encoder, rng))
    made += speech_corpus.recorded(speech_corpus.of_folder(speech), encoder, rng)
    assert [len(each.placed) for each in made] == [2, 1, 0]  # two clips of one person, one, none
    for recording in made:
        assert len(recording.mel) == len(recording.features) * 8 // 5
    speech_corpus.save(tmp_path / "speech.npz", made)
    again = speech_corpus.load(tmp_path / "speech.npz")
    assert [each.placed for each in again] == [each.placed for each in made]
    assert np.array_equal(again[-1].mel, made[-1].mel)

    by_name = {clip.name: clip for clip in loaded}
    usual = {clip.group: (np.zeros(8), np.ones(8)) for clip in loaded}
    target, known = speech_corpus.targets(made[0], by_name, usual, {made[0].placed[1].clip: 0})
    second = made[0].placed[1]
    at = round(second.start * voice_net.OUTPUT_RATE)
    assert not known[:at].any()
    assert known[at + 4 : at + 40].all()
    frame = (40 + at - second.start * voice_net.OUTPUT_RATE) * 25 / 40
    raw = by_name[second.clip].raw
    expected = np.interp(frame, np.arange(len(raw)), raw[:, 0])
    assert target[at + 40, 0] == pytest.approx(expected, abs=1e-4)


def _source() -> Source:
    """Speech whose first feature and first label tell the time."""
    count = 400
    time = np.arange(count, dtype=np.float32)
    features, labels = np.zeros((count, WIDTH), np.float32), np.zeros((count, 8), np.float32)
    features[:, 0] = labels[:, 0] = time
    known = (time > 200).astype(np.float32)
    closed = np.where(time > 300, time % 2, np.nan)
    mel = np.full((2 * count, 80), -1, np.float32)
    return Source(mel, features, closed, labels, labels + 100, known, 1.0)


def test_a_batch_holds_clean_targets_of_augmented_speech() -> None:
    noise = torch.from_numpy(np.random.default_rng(1).uniform(-4, 0, (80, 2000)).astype(np.float32))
    sampler = DistillationSampler(0, [_source()], noise, 8)
    batch, again = sampler[3], sampler[3]
    assert torch.equal(batch.mel, again.mel)
    assert batch.mel.shape == (8, 80, COLUMNS)
    assert batch.mel.min() >= SILENCE
    assert batch.shapes.shape == (8, 8, SEQUENCE)
    spoken, known = batch.spoken[:, 0] > 0, batch.known[:, 0]
    time, opening = batch.features[:, 0], batch.shapes[:, 0]
    # Where the mouth was measured it counts most, elsewhere the label is all there is.
    measured = spoken & (known == 1)
    share = 100 * (1 - distillation_data.LABEL_WEIGHT)
    assert measured.any()
    assert (opening - time)[measured] == pytest.approx(share, abs=2)
    labelled = spoken & (known == np.float32(distillation_data.UNMEASURED))
    assert labelled.any()
    assert opening[labelled] == pytest.approx(time[labelled], abs=1e-3)
    told = ~batch.closed[:, 0].isnan()
    assert torch.equal(told & spoken, told)
    assert set(batch.closed[:, 0][told].tolist()) == {0, 1}
    assert time[told].min() > 299


def test_amplitude_is_that_of_real_mouths(prepared: Path, clips: Path) -> None:
    torch.manual_seed(0)
    learned = dataset.load(prepared, clips / "clips.csv")
    encoder = with_real_amplitude(SpeechEncoder(), learned)
    openings = [
        voice_net.predict([encoder], clip.mel, np.arange(0, clip.mel.shape[1] / 80, 1 / 40))[:, 0]
        for clip in learned
    ]
    usual = np.median([opening.std() for opening in openings])
    assert usual * mouth_motion.GAIN == pytest.approx(1, rel=0.4)


def test_a_student_is_trained_and_its_checkpoint_drives_and_is_tuned(
    prepared: Path, clips: Path, speech: Path, teacher_file: Path, tmp_path: Path
) -> None:
    table, run = clips / "clips.csv", tmp_path / "run"
    path = train_student.main(prepared, run, teacher_file, SMALL, table, speech=speech)
    result = torch.load(path, weights_only=True)
    assert result["networks"] == ["speech_encoder"]
    (state,) = result["nets"]
    assert not any("teacher" in name or name.startswith("features") for name in state)

    # A finished run is not trained again, and makes the same.
    again = train_student.main(prepared, run, teacher_file, SMALL, table, speech=speech)
    same = torch.load(again, weights_only=True)["nets"][0]
    assert all(torch.equal(same[name], value) for name, value in state.items())
    other = replace(SMALL, learning_rate=1e-3)
    with pytest.raises(NamedError) as raised:
        train_student.main(prepared, run, teacher_file, other, table, speech=speech)
    assert raised.value.code == "other-run"

    tuned = _tuned(_checkpoint(run, tmp_path / "compact.pt"), prepared, table, tmp_path / "tuned")
    assert tuned["networks"] == ["speech_encoder"]
    assert tuned["nets"][0].keys() == state.keys()


def _checkpoint(run: Path, path: Path) -> Path:
    """The encoder of `run` with the renderer that ships, in a file that the engine loads."""
    shipped = torch.load(checkpoints.require("compact"), weights_only=True)
    torch.save(
        {
            "config": shipped["config"]["renderer"],
            "renderer": shipped["renderer"],
            "unit": torch.load(run / "voice.pt", weights_only=True)["unit"],
        },
        run / "renderer.pt",
    )
    export.main([run], run, path)
    shapes = CompactEngine.from_checkpoint(path).drive(np.full((80, 80), -1.0), 0, 25, 25)  # type: ignore[arg-type]
    assert shapes.shape == (25, 9)  # the mouth, and how much is spoken
    return path


def _tuned(checkpoint: Path, prepared: Path, table: Path, run: Path) -> dict[str, Any]:
    config = VoiceConfig(steps=2, batch=2, eval_interval=2, start=str(checkpoint))
    return torch.load(train_voice.main(prepared, run, config, table), weights_only=True)
