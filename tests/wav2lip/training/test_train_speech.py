"""From voices, and sounds made up, to a net that tells them apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from media.errors import NamedError
from wav2lip.audio import SAMPLE_RATE
from wav2lip.compact import voice_activity
from wav2lip.training import voice_activity_data
from wav2lip.training.config import SpeechConfig
from wav2lip.training.synthetic import midi, music, noise, singing
from wav2lip.training.train_speech import main
from wav2lip.training.voice_activity_data import SPAN, SpeechSampler, Track

SMALL = SpeechConfig(steps=4, pieces=1, vowels=1, eval_interval=2)


def test_a_net_is_trained_from_a_folder_of_clips(clips: Path, tmp_path: Path) -> None:
    path = main(clips, tmp_path, SMALL, clips / "clips.csv")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert all(0 < loss < 2 for _, loss in saved["curves"]["speech"])
    assert "step 4 of 4" in (tmp_path / "report.html").read_text(encoding="utf-8")
    net = voice_activity.load(path)
    assert voice_activity.log_odds(np.zeros((80, 100), np.float32), 0, 49, net).shape == (50,)


def test_a_stopped_run_goes_on_as_if_nothing_had_been(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = main(clips / "talk", tmp_path / "unbroken", SMALL)
    sample = SpeechSampler.sample

    def stopping(
        self: SpeechSampler, step: int, rng: np.random.Generator
    ) -> voice_activity_data.Batch:
        if step == 3:
            raise KeyboardInterrupt
        return sample(self, step, rng)

    with monkeypatch.context() as patch:
        patch.setattr(SpeechSampler, "sample", stopping)
        with pytest.raises(KeyboardInterrupt):
            main(clips / "talk", tmp_path / "stopped", SMALL)
    resumed = main(clips / "talk", tmp_path / "stopped", SMALL)
    one, two = (torch.load(path, weights_only=True)["state_dict"] for path in (unbroken, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_fine_tune_goes_on_from_the_weights(clips: Path, tmp_path: Path) -> None:
    """At a learning rate of 0 only what batch normalisation has counted changes."""
    shipped = voice_activity.load()
    path = main(clips / "talk", tmp_path, replace(SMALL, start="speech", learning_rate=0.0))
    tuned = voice_activity.load(path)
    for (name, one), other in zip(shipped.named_parameters(), tuned.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_voices_are_needed(tmp_path: Path) -> None:
    with pytest.raises(NamedError) as error:
        voice_activity_data.voices(np.random.default_rng(0), tmp_path)
    assert error.value.code == "nothing-prepared"


def test_voices_are_those_of_the_persons_not_held_out(clips: Path) -> None:
    everybody = voice_activity_data.voices(np.random.default_rng(0), clips / "talk")
    learned = voice_activity_data.voices(np.random.default_rng(0), clips, clips / "clips.csv")
    assert learned.mel.shape[0] == 80
    assert 0.2 < learned.spoken.mean() < 1
    assert len(everybody.spoken) > 0


def test_a_batch_says_where_the_voice_is() -> None:
    """Of a voice that is on and off by the second, and louder than what is behind it."""
    spoken = (np.arange(80 * 60) // 80 % 2).astype(np.float32)
    loud = np.where(spoken, 1.0, -4.0) + np.zeros((80, 1))
    voices = Track(torch.from_numpy(loud.astype(np.float32)), spoken)
    others = Track(torch.full((80, 80 * 60), -2.0), np.zeros(80 * 60, np.float32))
    batch = voice_activity_data.mixed(voices, others, np.random.default_rng(1))
    mel, labels, known = batch.mel, batch.speech, batch.known
    assert mel.shape == (voice_activity_data.BATCH, 80, SPAN + 2 * voice_activity.NET_CONTEXT)
    assert labels.shape == known.shape == (voice_activity_data.BATCH, SPAN // 2)
    level = mel[:, :, voice_activity.NET_CONTEXT : -voice_activity.NET_CONTEXT : 2].mean(1)
    for row in labels.amax(1).nonzero()[:, 0]:
        said, silent = (level[row][(labels[row] == here) & (known[row] > 0)] for here in (1, 0))
        assert said.mean() > silent.mean()
    assert 0 < labels.amax(1).sum() < voice_activity_data.BATCH


@pytest.mark.parametrize("kind", noise.KINDS)
def test_a_noise_lasts_as_long_as_asked(kind: noise.Kind) -> None:
    for seed in range(3):
        sound = kind(np.random.default_rng(seed), 2 * SAMPLE_RATE)
        assert sound.shape == (2 * SAMPLE_RATE,)
        assert np.isfinite(sound).all()
        assert sound.std() > 0


def test_music_and_noises_come_from_their_seed_alone() -> None:
    for make in (music.piece, noise.noise):
        first, again, other = (make(np.random.default_rng(seed), 3.0) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        assert first.dtype == np.float32
        assert np.abs(first).max() == pytest.approx(1, abs=1e-3)


def test_held_vowels_come_from_their_seed_and_say_where_they_sound() -> None:
    (one, heard), (again, _) = (singing.singing(np.random.default_rng(3), 6.0) for _ in range(2))
    assert np.array_equal(one, again)
    assert one.shape == heard.shape == (6 * SAMPLE_RATE,)
    assert 0.3 < heard.mean() < 1
    track = voice_activity_data.held_vowels(0, 2)
    level = track.mel.mean(0).numpy()
    assert level[track.spoken > 0].mean() > level[track.spoken == 0].mean() + 0.5


def test_tunes_are_written_to_a_folder(tmp_path: Path) -> None:
    words = [str(tmp_path / "tunes"), "--count", "2", "--seconds", "3"]
    answer = CliRunner().invoke(midi.command, words)
    assert answer.exit_code == 0, answer.output
    first, second = (path.read_bytes() for path in sorted((tmp_path / "tunes").glob("*.mid")))
    assert first.startswith(b"MThd")
    assert first != second


def test_a_tune_as_midi_holds_its_notes() -> None:
    rng = np.random.default_rng(4)
    notes = midi.compose(rng, 5.0)
    assert notes
    assert all(0 <= note.start < 5 for note in notes)
    data = midi.midi(notes, rng)
    assert data[:14] == b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0"
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    assert data.endswith(b"\xff\x2f\x00")
    played = {part: [note for note in notes if note.part == part] for part in midi.PARTS}
    for channel, part in enumerate(midi.PARTS):
        on = 0x99 if part == "drums" else 0x90 | channel
        for note in played[part]:
            assert bytes((on, note.pitch, round(127 * note.loud))) in data
