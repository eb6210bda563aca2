"""Mini-batches of the voice activity net: voices, music and noise, and mixtures of both."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import grey_closing, maximum_filter, minimum_filter
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from media.errors import MediaError
from media.sound import read_sound
from wav2lip import clip_table
from wav2lip.audio import HOP, MEL_RATE, N_MELS, SILENCE, mel_spectrogram
from wav2lip.compact import voice_activity, voice_net
from wav2lip.compact.mouth_motion import energy_gate
from wav2lip.training import dataset
from wav2lip.training.augment import augmented
from wav2lip.training.batches import BatchSampler, TensorBatch
from wav2lip.training.synthetic.music import piece
from wav2lip.training.synthetic.noise import noise
from wav2lip.training.synthetic.singing import singing

BATCH = 20
SPAN = 320  # columns that are answered for: 4 s
# Seconds of sound of a person that are used, at most.
PERSON_SECONDS = 300
PIECE_SECONDS = 10.0
# In answers (40 a second): pauses up to this are part of speech, and labels so near to its
# beginning or end are unknown.
PAUSE, BORDER = 10, 3
# Signal-to-noise ratios of mixtures, and that below which it is unknown whether speech is heard; in
# decibels.
SNR, BURIED = (-5.0, 30.0), -6.0
# Augmentation: time stretch of voices, at most.
FASTEST = 1.5
_DECIBELS = 12.5  # of one unit of mel
_HEARD = SPAN + 2 * voice_activity.NET_CONTEXT


@dataclass(frozen=True)
class Track:
    """Recordings laid end to end: mel (80, T), and for each column 1 if it is speech (T,)."""

    mel: Tensor
    spoken: np.ndarray


def voices(rng: np.random.Generator, clips: Path, table: Path | None = None) -> Track:
    """The voices of the `clips`, without the held-out persons of `table`, with pauses between.

    The table has the columns file, person, held_out (yes / no), as for the other trainings;
    without it every clip is a person. Clips without sound are passed over.
    """
    heard: dict[str, float] = {}
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for path, person in tqdm(_persons(clips, table), desc="voices", mininterval=20):
        if heard.get(person, 0) > PERSON_SECONDS:
            continue
        mel = _mel_of(path)
        if mel is None:
            continue
        heard[person] = heard.get(person, 0) + mel.shape[1] / MEL_RATE
        loud = energy_gate(mel, np.arange((mel.shape[1] + 1) // voice_net.STRIDE)) > 0.5
        spoken = grey_closing(loud.astype(np.float32), PAUSE).repeat(voice_net.STRIDE)
        parts.append((mel, spoken[: mel.shape[1]]))
        pause = round(rng.exponential(0.4) * MEL_RATE)
        parts.append((np.full((N_MELS, pause), SILENCE, np.float32), np.zeros(pause)))
    return _laid(parts)


def held_vowels(seed: int, pieces: int) -> Track:
    """Synthesized voices that hold their vowels: `pieces` of them."""
    parts = []
    for number in tqdm(range(pieces), desc="held vowels", mininterval=20):
        sound, heard = singing(np.random.default_rng((seed, 2, number)), PIECE_SECONDS)
        mel = mel_spectrogram(np.float32(0.3) * sound)
        at = (np.arange(mel.shape[1]) * HOP).clip(max=len(heard) - 1)
        parts.append((mel, heard[at].astype(np.float32)))
    return _laid(parts)


def joined(tracks: Iterable[Track]) -> Track:
    """Tracks end to end."""
    return _laid((track.mel.numpy(), track.spoken) for track in tracks)


def others(seed: int, pieces: int, recordings: Path | None = None) -> Track:
    """Music and noises, `pieces` of each, and the `recordings` of a folder: all without a voice."""
    mels = []
    for number in tqdm(range(pieces), desc="music and noises", mininterval=20):
        for kind, make in enumerate((piece, noise)):
            rng = np.random.default_rng((seed, kind, number))
            mels.append(mel_spectrogram(np.float32(0.3) * make(rng, PIECE_SECONDS)))
    for path in sorted(recordings.rglob("*.*")) if recordings else ():
        mel = _mel_of(path)
        if mel is not None:
            mels.append(mel)
    return _laid((mel, np.zeros(mel.shape[1])) for mel in mels)


@dataclass(frozen=True)
class Batch(TensorBatch):
    """Sound, and which of it is speech: an answer for every other column of its middle."""

    mel: Tensor  # (n, 80, t)
    speech: Tensor  # (n, SPAN / 2) 1 where it is speech, else 0
    known: Tensor  # (n, SPAN / 2) 1 where that is known, else 0


@dataclass(frozen=True)
class SpeechSampler(BatchSampler[Batch]):
    """Voices, others, and mixtures of both, augmented."""

    voices: Track
    others: Track

    def sample(self, step: int, rng: np.random.Generator) -> Batch:
        return mixed(self.voices, self.others, rng)


def mixed(voices: Track, others: Track, rng: np.random.Generator) -> Batch:
    """Random stretches of voices and of others.

    Two of three hold a voice, and most of those have something behind it: mixed in the power of
    the bands. Some speak on the telephone, some whisper, some draw every vowel out as in singing,
    some say a syllable at a time.
    """
    slow = rng.random(BATCH) < 0.2
    pace = np.where(slow, rng.uniform(0.4, 1.0, BATCH), rng.uniform(0.85, FASTEST, BATCH))
    said, spoken = _drawn(voices, rng, pace)
    spoken *= (rng.random(BATCH) < 0.65)[:, None]
    said, spoken = _halting(said, spoken, rng)
    mask = torch.from_numpy(spoken)[:, None]
    alone = _bernoulli(rng, 0.2) * mask.amax(2, keepdim=True)
    front = _power(_coloured(_whispered(said, rng), rng)) * mask.amax(2, keepdim=True)
    back = _background(others, rng) * (1 - alone)
    loud = (front * mask).sum((1, 2), keepdim=True) / (N_MELS * mask.sum((1, 2), keepdim=True) + 1)
    loud = torch.where(loud > 0, loud, 10 ** _uniform(rng, -1.5, 1.5))
    back = back * loud * 10 ** -(_uniform(rng, *SNR) / 10)
    mel = augmented(_telephoned(_mel(front + back), rng), rng)

    heard = (front.mean(1) >= back.mean(1) * 10 ** (BURIED / 10)).numpy() | (spoken == 0)
    width = (1, 2 * BORDER * voice_net.STRIDE + 1)
    settled = maximum_filter(spoken, width) == minimum_filter(spoken, width)
    middle = slice(voice_activity.NET_CONTEXT, -voice_activity.NET_CONTEXT, voice_net.STRIDE)
    speech, known = (
        torch.from_numpy(part[:, middle].astype(np.float32)) for part in (spoken, settled & heard)
    )
    return Batch(mel, speech, known)


def _persons(clips: Path, table: Path | None) -> list[tuple[Path, str]]:
    if table is None:
        return [(path, path.stem) for path in sorted(clips.rglob("*.*"))]
    rows = clip_table.read(table)
    held_out = set(rows.person[rows.held_out == "yes"])
    return [
        (clips / file, person)
        for file, person in zip(rows.file, rows.person, strict=True)
        if person not in held_out
    ]


def _mel_of(path: Path) -> np.ndarray | None:
    """The mel of a file's sound; None where it has none to hear."""
    try:
        sound = read_sound(path)
    except MediaError as error:
        if error.code not in ("no-audio-track", "not-a-voice"):
            raise
        return None
    return mel_spectrogram(sound) if np.abs(sound).max(initial=0) > 0.003 else None


def _laid(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> Track:
    """Parts end to end, repeated if too short to draw from.

    Raises NamedError `nothing-prepared` where none has sound.
    """
    heard = [part for part in parts if part[0].shape[1]]
    if not heard:
        raise dataset.nothing("There is no sound to learn from.")
    mels, spoken = zip(*heard, strict=True)
    mel, marked = np.concatenate(mels, 1), np.concatenate(spoken).astype(np.float32)
    again = -(-round(FASTEST * _HEARD + 1) // mel.shape[1])
    return Track(torch.from_numpy(np.tile(mel, again)), np.tile(marked, again))


def _drawn(track: Track, rng: np.random.Generator, pace: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Stretches of a track from anywhere, `pace` (n,) times as fast.

    Mel (n, 80, t), and whether it is speech (n, t).
    """
    start = rng.uniform(0, track.mel.shape[1] - _HEARD * pace)
    columns = (start[:, None] + np.arange(_HEARD) * pace[:, None]).astype(int)
    return track.mel[:, torch.from_numpy(columns)].permute(1, 0, 2), track.spoken[columns]


def _background(others: Track, rng: np.random.Generator) -> Tensor:
    """Power (n, 80, t), 1 on the mean: one or two of the others, each in its own colour."""
    first, second = (
        _power(_coloured(_drawn(others, rng, rng.uniform(0.8, 1.25, BATCH))[0], rng))
        for _ in range(2)
    )
    mixed = _levelled(first) + _levelled(second) * _bernoulli(rng, 0.25) * _uniform(rng, 0.05, 1)
    return _levelled(mixed)


def _levelled(power: Tensor) -> Tensor:
    return power / power.mean((1, 2), keepdim=True).clamp(min=1e-9)


def _power(mel: Tensor) -> Tensor:
    return 10 ** (mel * (_DECIBELS / 10)) * (mel > SILENCE)


def _mel(power: Tensor) -> Tensor:
    return (power.clamp(min=1e-9).log10() * (10 / _DECIBELS)).clamp(SILENCE, -SILENCE)


def _halting(
    said: Tensor, spoken: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, np.ndarray]:
    """Some of it in pieces of some tenths of a second, with silence between them."""
    turns = rng.uniform(0.15, 0.7, (BATCH, 24)) * MEL_RATE
    turns[:, 1::2] += 0.3 * MEL_RATE
    ends = turns.cumsum(1) - rng.uniform(0, 100, (BATCH, 1))
    turn = (np.arange(_HEARD)[:, None] >= ends[:, None]).sum(2)
    kept = (turn % 2 == 0) | (rng.random((BATCH, 1)) < 0.8)
    return torch.where(torch.from_numpy(kept)[:, None], said, SILENCE), spoken * kept


def _coloured(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Through another microphone or loudspeaker: some bands louder, some quieter."""
    curve = torch.from_numpy(rng.uniform(-0.8, 0.8, (BATCH, 1, 6)).astype(np.float32))
    return mel + functional.interpolate(curve, N_MELS, mode="linear")[:, 0, :, None]


def _whispered(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Some of it without a tone: no overtones, few lows, and as uneven as noise is."""
    smooth = functional.avg_pool2d(mel[:, None], (7, 1), 1, (3, 0), count_include_pad=False)[:, 0]
    lows = (1.2 - torch.arange(N_MELS) / 20).clamp(min=0)[:, None]
    return torch.where(
        _bernoulli(rng, 0.06) > 0, smooth - lows + 0.35 * torch.randn(mel.shape), mel
    ).clamp(min=SILENCE)


def _telephoned(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Some of it without what a telephone, an old record or a codec leaves out."""
    bands = torch.arange(N_MELS)[:, None]
    cut = (bands > _uniform(rng, 40, 76)) | (bands < _uniform(rng, -8, 8))
    return torch.where(cut & (_bernoulli(rng, 0.25) > 0), SILENCE, mel)


def _bernoulli(rng: np.random.Generator, probability: float) -> Tensor:
    """1 with a `probability` for each of the batch, else 0: (n, 1, 1) float32."""
    return torch.from_numpy((rng.random((BATCH, 1, 1)) < probability).astype(np.float32))


def _uniform(rng: np.random.Generator, low: float, high: float) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, (BATCH, 1, 1)).astype(np.float32))
