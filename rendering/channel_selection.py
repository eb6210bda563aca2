"""Channel selection: which channel of a recording, or which mix of them, carries the speech.

A voice may be on one side of a stereo file, beside music on the other, in the centre of 5.1 or 7.1,
or on both sides in opposite phase, where the mean of the channels is silence.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from media.sound import channel_blocks, sound_channels
from rendering.voice_level import levelled
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.compact import voice_activity

# Speech is looked for in so many pieces at most, of so many seconds, from all over the sound.
_MOST_PIECES, _PIECE_SECONDS = 12, 4.0
# By how much more of speech than the mean of all a channel must hold to be taken instead.
_CLEARER = 1.2
# The power of the mean of n channels that have nothing in common is 1 / n of theirs; at this part
# of that the channels cancel each other.
_CANCELLED = 0.5


def read_speech(path: Path) -> np.ndarray:
    """The sound of the channels that carry the speech, (samples,) float32 at 16 kHz.

    That is the mean of all, as `media.sound.read_sound` gives it, unless it cancels the voice or
    one channel speaks more clearly. Raises MediaError as `read_sound` does.
    """
    weights = _weights(path) if sound_channels(path) > 1 else np.ones(1)
    samples = array("f")  # grows in place: of a long sound there is never a second copy
    for block in channel_blocks(path, SAMPLE_RATE):
        samples.frombytes(_mixed(block, weights).tobytes())
    return np.frombuffer(samples, np.float32)


def _mixed(block: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Channels (n, samples) as one; where there are others than those chosen from, their mean."""
    if len(block) != len(weights):
        weights = _mean(len(block))
    return (weights @ block).astype(np.float32)


def _mean(channels: int) -> np.ndarray:
    return np.full(channels, 1 / channels)


def _weights(path: Path) -> np.ndarray:
    """The weight of each channel in the sound that drives a mouth, (channels,)."""
    heard = _excerpt(path)
    mean = _mean(len(heard))
    if not (heard[1:] != heard[:1]).any():
        return mean
    power = np.square(mean @ heard).mean()
    cancelled = power * len(heard) < _CANCELLED * np.square(heard).mean()
    alone = np.eye(len(heard))
    speech = [_speech(weights @ heard) for weights in alone]
    best = int(np.argmax(speech))
    if cancelled or speech[best] > _CLEARER * _speech(mean @ heard):
        return alone[best]
    return mean


def _speech(sound: np.ndarray) -> float:
    """How much of a sound (samples,) is speech, and how clear: its mean log odds, where positive.

    One of two speakers has less of it than both, a voice over music less than the voice alone.
    """
    mel = mel_spectrogram(levelled(sound.astype(np.float32)))
    return float(voice_activity.log_odds(mel, 0, mel.shape[1] // 2).clip(0).mean())


def _excerpt(path: Path) -> np.ndarray:
    """Pieces from all over a sound, end to end: (channels, samples) at 16 kHz.

    How long the sound is shows only at its end: whenever there are too many pieces, every other one
    is dropped, and of those that follow as many are passed over.
    """
    kept: list[np.ndarray] = []
    stride = 1
    for number, piece in enumerate(_pieces(path)):
        if number % stride == 0:
            kept.append(piece)
        if len(kept) > _MOST_PIECES:
            kept, stride = kept[::2], 2 * stride
    return np.concatenate(kept, axis=1)


def _pieces(path: Path) -> Iterator[np.ndarray]:
    """All of a sound that has as many channels as its beginning, in pieces."""
    size = round(_PIECE_SECONDS * SAMPLE_RATE)
    waiting: np.ndarray | None = None
    for block in channel_blocks(path, SAMPLE_RATE):
        if waiting is not None and len(block) != len(waiting):
            continue
        waiting = block if waiting is None else np.concatenate((waiting, block), axis=1)
        if waiting.shape[1] >= size:
            yield waiting
            waiting = waiting[:, :0]
    if waiting is not None and waiting.shape[1]:
        yield waiting
