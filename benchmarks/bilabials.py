"""Whether lips close for p, b and m, in synthesised speech whose phone times are known.

    python -m benchmarks.bilabials [--checkpoint NAME ...] [--sentences N]

The program flite says sentences in five voices. Printed is, for each voice, in how many of its
bilabials the opening, at the frames of a video of 25 a second, falls below a part of its spread;
and the same of as many frames anywhere in the speech, which is what chance would give.
"""

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import wav2lip
from benchmarks.material import FPS
from wav2lip.audio import mel_spectrogram
from wav2lip.compact.mouth_motion import SPEAKING
from wav2lip.compact.mouth_shape import OPENING
from wav2lip.engine import Engine
from wav2lip.training.phone_times import Phone
from wav2lip.training.synthetic.speech import VOICES, speech

SENTENCES = (
    "A painter put two pumpkins on top of the piano.",
    "My neighbour bakes brown bread every morning before breakfast.",
    "The boat came home empty after a stormy day.",
    "Please bring the big umbrella, it might begin to rain.",
    "Some people remember names, others remember numbers.",
    "The bus stopped beside a small museum in the park.",
    "He climbed up the ladder and picked a bucket of apples.",
    "Nobody knew what the old map of the harbour meant.",
    "The baby sleeps until the bells begin to ring.",
    "Her brother plays the trumpet better than the drums.",
    "We might meet again at the market by the bridge.",
    "Keep the lamp away from the paper and the curtain.",
    "A simple answer is often the best one.",
    "The committee made up its mind about the plan on Monday.",
    "Both maps show a footpath along the bottom of the cliff.",
    "Tell them to wait, the soup is not warm enough.",
)
# A closed mouth's part of the spread of the opening, from its 2nd to its 95th percentile.
CLOSED = 0.15
# Frames this near to a bilabial, in seconds, may show it: the half of a frame.
NEAR = 0.5 / FPS


def closures(opening: np.ndarray, phones: Sequence[Phone]) -> tuple[list[bool], float]:
    """Of each bilabial whether the mouth closes, and the chance of it anywhere else.

    `opening` (n,) is that of the frames, 25 a second, in which somebody speaks, NaN elsewhere.
    """
    low, high = np.nanpercentile(opening, (2, 95))
    closed = opening < low + CLOSED * (high - low)
    instants = np.arange(len(opening)) / FPS
    found, lengths = [], []
    for phone in phones:
        if phone.bilabial:
            near = (instants >= phone.begin - NEAR) & (instants <= phone.end + NEAR)
            found.append(bool(closed[near].any()))
            lengths.append(int(near.sum()))
    length = round(float(np.mean(lengths))) if lengths else 1
    windows = np.lib.stride_tricks.sliding_window_view(closed, length).any(1)
    spoken = ~np.isnan(np.lib.stride_tricks.sliding_window_view(opening, length)).any(1)
    return found, float(windows[spoken].mean())


def driven(engine: Engine, samples: np.ndarray) -> np.ndarray:
    """The opening of the mouth that `samples` (m,) at 16 kHz drive, NaN where nobody speaks."""
    frames = len(samples) * FPS // 16000
    shapes = engine.drive(mel_spectrogram(samples), 0, frames, Fraction(FPS))
    return np.where(shapes[:, SPEAKING] > 0.5, shapes[:, OPENING], np.nan)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--checkpoint", nargs="+", default=["compact"])
    options.add_argument("--sentences", type=int, default=len(SENTENCES))
    chosen = options.parse_args()
    engines = {name: wav2lip.load(name) for name in chosen.checkpoint}
    print(f"{'checkpoint':30} {'voice':8} {'bilabials':>9} {'closed':>7} {'by chance':>9}")
    with TemporaryDirectory() as folder:
        said = {
            voice: [
                speech(sentence, voice, 1.0, Path(folder))
                for sentence in SENTENCES[: chosen.sentences]
            ]
            for voice in VOICES
        }
    for name, engine in engines.items():
        everything: list[bool] = []
        for voice, recordings in said.items():
            results = [closures(driven(engine, sound), phones) for sound, phones in recordings]
            found = [each for closed, _ in results for each in closed]
            chance = np.mean([each for _, each in results])
            everything += found
            share = np.mean(found)
            print(f"{Path(name).name:30} {voice:8} {len(found):9} {share:7.0%} {chance:9.0%}")
        print(f"{Path(name).name:30} {'all':8} {len(everything):9} {np.mean(everything):7.0%}")


if __name__ == "__main__":
    main()
