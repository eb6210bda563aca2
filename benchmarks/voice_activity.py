"""How well speech and singing are told from all else: how far the speech gate opens.

    python -m benchmarks.voice_activity [CLIPS --table clips.csv] [--others FOLDER] [--weights FILE]

Printed are the share of loud moments of voices in which the mouth would be closed, of the held-out
persons of the table in CLIPS and of the sample voice; the share of the time that it would be open
in held vowels; and in sounds without a voice, those of OTHERS as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import sounds
from benchmarks.held_vowels import PITCHES, VOWELS, held_vowel
from benchmarks.material import RATE, SAMPLE_VOICE
from media.sound import read_sound
from rendering.voice_level import levelled
from wav2lip import clip_table
from wav2lip.audio import mel_spectrogram
from wav2lip.compact import mouth_motion, voice_activity

RATIOS = (10.0, 5.0, 0.0)  # decibels of a voice over what is behind it
SEEDS, SECONDS = 4, 5.0


def gate(sound: np.ndarray) -> np.ndarray:
    """The speech gate of a sound (n,) at 16 kHz, 40 a second, as a mouth that it drives gets it."""
    mel = mel_spectrogram(levelled(sound.astype(np.float32)))
    return mouth_motion.speech_gate(mel, np.arange(mel.shape[1] // 2))


def missed(voice: np.ndarray, behind: np.ndarray | None = None) -> float:
    """The share of the loud moments of a `voice` in which the mouth would be closed.

    `behind` is what is heard with it.
    """
    mel = mel_spectrogram(levelled(voice))
    loud = mouth_motion.energy_gate(mel, np.arange(mel.shape[1] // 2)) > 0.5
    moved = gate(voice if behind is None else voice + behind)
    return float((moved[loud] < 0.5).mean()) if loud.any() else 0.0


def scaled(behind: np.ndarray, voice: np.ndarray, ratio: float) -> np.ndarray:
    """A sound as long as a voice, `ratio` decibels below it."""
    behind = np.resize(behind, len(voice))
    level = np.sqrt(np.square(voice).mean() / np.square(behind).mean())
    return (behind * level * 10 ** (-ratio / 20)).astype(np.float32)


def vowel_open(vowel: str, pitch: float, pause: float, vibrato: float = 0.0) -> float:
    """The share of a held vowel of four seconds, `pause` seconds of silence around it, in which the
    mouth would be open, but for a fifth of a second at its ends.
    """
    silence = np.zeros(round(pause * RATE))
    rng = np.random.default_rng(0)
    sound = np.concatenate((silence, held_vowel(rng, 4 * RATE, vowel, pitch, vibrato), silence))
    begin = round((pause + 0.2) * mouth_motion.GRID_RATE)
    inside = gate(sound)[begin : begin + round(3.6 * mouth_motion.GRID_RATE)]
    return float((inside > 0.5).mean())


def held_out(clips: Path, table: Path) -> Iterator[np.ndarray]:
    """The voices of the held-out persons, and the sample voice."""
    yield read_sound(SAMPLE_VOICE, RATE)
    rows = clip_table.read(table)
    for file in rows.file[(rows.held_out == "yes") & (rows.voice == "yes")]:
        voice = read_sound(clips / file, RATE)
        if len(voice) > RATE and np.abs(voice).max() > 0.003:
            yield voice


def others(folder: Path | None) -> dict[str, list[np.ndarray]]:
    """Sounds without a voice, by kind."""
    found = {
        kind: [make(np.random.default_rng(seed), round(SECONDS * RATE)) for seed in range(SEEDS)]
        for kind, make in sounds.KINDS.items()
    }
    if folder is not None:
        found["others"] = [read_sound(path, RATE) for path in sorted(folder.rglob("*.*"))]
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("clips", type=Path, nargs="?")
    options.add_argument("--table", type=Path)
    options.add_argument("--others", type=Path, help="a folder of sounds without a voice")
    options.add_argument("--weights", type=Path, help="instead of checkpoints/speech.pt")
    chosen = options.parse_args()
    if chosen.weights:
        net = voice_activity.load(chosen.weights)
        voice_activity.activity = partial(voice_activity.activity, net=net)
    without = others(chosen.others)
    voices = list(held_out(chosen.clips, chosen.table)) if chosen.table else []
    voices = voices or [read_sound(SAMPLE_VOICE, RATE)]
    print(f"{len(voices)} voices, closed: {np.mean([missed(each) for each in voices]):.2%}")
    rng = np.random.default_rng(0)
    behind = {
        "white noise": [rng.normal(size=5 * RATE)],
        "music": [*without["chords"], *without["band"], *without.get("others", [])],
    }
    for name, kinds in behind.items():
        for ratio in RATIOS:
            closed = [
                missed(voice, scaled(kinds[number % len(kinds)], voice, ratio))
                for number, voice in enumerate(voices)
            ]
            print(f"    over {name} at {ratio:+.0f} dB: {np.mean(closed):.2%}", flush=True)
    print("held vowels, open (alone, in silence, with vibrato):")
    for pitch in PITCHES:
        shares = [
            np.mean([vowel_open(vowel, pitch, *how) for vowel in VOWELS])
            for how in ((0.0,), (0.5,), (0.5, 0.015))
        ]
        print(f"    {pitch:4} Hz" + "".join(f"{share:8.0%}" for share in shares), flush=True)
    print("without a voice, gate:")
    for kind, heard in without.items():
        print(f"    {kind:<10}{np.mean([gate(sound).mean() for sound in heard]):8.3f}", flush=True)


if __name__ == "__main__":
    main()
