"""Notes on voices in which nothing, or little, was heard as speech: there the mouth rests."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from rendering import driving_audio
from rendering.spec import RenderSpec, VoiceTrack
from wav2lip.audio import MEL_RATE, SILENCE
from wav2lip.compact import mouth_motion

# Seconds of speech below which a voice says nothing, and the share of what is audible in it below
# which it says little. Half of a lively talk are pauses, but those are not audible.
_NOTHING, _LITTLE = 0.3, 0.2
# What is quieter than the peaks by more, in units of mel of 12.5 dB, is a pause.
_AUDIBLE = 3.0


def speech_notes(spec: RenderSpec) -> list[str]:
    """A sentence for each voice, numbered as in `spec`, in which little or no speech was heard."""
    notes = []
    for speaker in spec.speakers:
        mel, first = driving_audio.speech_of(spec, speaker)
        for number, voice in enumerate(spec.voices, start=1):
            if voice.person == speaker.id:
                columns = _columns(voice, first / spec.fps, mel.shape[1])
                notes.append((number, _note(number, *_measured(mel, columns))))
    return [note for _, note in sorted(notes) if note]


def _columns(voice: VoiceTrack, origin: Fraction, most: int) -> range:
    """The columns of the speaker's mel, which begins at `origin` seconds, in which a voice lies."""
    start = round(float(voice.start - origin) * MEL_RATE)
    return range(start, min(start + round(float(voice.duration) * MEL_RATE) + 1, most))


def _measured(mel: np.ndarray, columns: range) -> tuple[float, float]:
    """Seconds of speech and seconds that are audible in some columns of `mel` (80, T)."""
    level = mel[:, columns.start : columns.stop].mean(0)
    quietest = max(float(np.percentile(level, 95)) - _AUDIBLE, SILENCE)
    stride = MEL_RATE // mouth_motion.GRID_RATE
    grid = np.arange(columns.start // stride, columns.stop // stride + 1)
    gate = mouth_motion.speech_gate(mel, grid)
    return float((gate > 0.5).sum() / mouth_motion.GRID_RATE), float(
        (level > quietest).sum() / MEL_RATE
    )


def _note(number: int, spoken: float, audible: float) -> str:
    if spoken < min(_NOTHING, audible / 2):
        return (
            f"Voice {number}: nothing was heard as speech or singing, so there was nothing to move "
            "the mouth to. See whether it is the right file."
        )
    if spoken < _LITTLE * audible:
        return (
            f"Voice {number}: only {spoken:.1f} of {audible:.1f} audible seconds were heard as "
            "speech or singing. The mouth rests in the others."
        )
    return ""
