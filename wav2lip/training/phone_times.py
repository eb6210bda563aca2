"""Phone times beside a recording of speech, and when lips are closed by them.

They lie in `NAME.phones.tsv` beside the sound: a line a phone with its begin and end in seconds and
its name, by tabs. `wav2lip.training.synthetic.speech` writes such files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.errors import NamedError
from wav2lip.compact import voice_net

SUFFIX = ".phones.tsv"
# The first letters of bilabials in ARPAbet, X-SAMPA and the IPA alike.
BILABIALS = ("p", "b", "m")
# The part of a plosive in which the lips are closed; after it comes the burst.
CLOSED_PART = 0.7
# Times of phones are not right to the output, (seconds): nothing is known at the borders.
BORDER = 0.03
# Closing and opening take their time, in seconds, and at most these parts of the closure.
CLOSING, OPENING = (0.012, 0.2), (0.005, 0.1)


@dataclass(frozen=True)
class Phone:
    """A speech sound between two instants, in seconds."""

    name: str
    begin: float
    end: float

    def moved(self, seconds: float) -> "Phone":
        return Phone(self.name, self.begin + seconds, self.end + seconds)

    @property
    def bilabial(self) -> bool:
        return self.name.lower().startswith(BILABIALS)

    @property
    def opens(self) -> float:
        """When the lips of a bilabial open: the end of a nasal, the burst of a plosive."""
        nasal = self.name.lower().startswith("m")
        return self.end if nasal else self.begin + CLOSED_PART * (self.end - self.begin)


def path_of(sound: Path) -> Path:
    """The file of the phone times of a sound."""
    return sound.with_suffix(SUFFIX)


def write(path: Path, phones: Iterable[Phone]) -> None:
    lines = (f"{phone.begin:.4f}\t{phone.end:.4f}\t{phone.name}\n" for phone in phones)
    path.write_text("".join(lines), encoding="utf-8")


def read(path: Path) -> list[Phone]:
    """The phones in a file. Raises NamedError `bad-phones` for one that holds something else."""
    phones = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            begin, end, name = line.split("\t")
            phones.append(Phone(name, float(begin), float(end)))
        except ValueError as error:
            raise NamedError(
                "bad-phones",
                f"Line {number} of {path} is no phone.",
                "Give its begin and end in seconds and its name, separated by tabs.",
            ) from error
    return phones


def closed_lips(phones: Iterable[Phone], seconds: float, count: int) -> np.ndarray:
    """Whether lips are closed, (count,) float16, 40 a second: 1, 0, or NaN where it is not known.

    The phones are those of all speech up to `seconds`; later nothing is known.
    """
    instants = np.arange(count) / voice_net.OUTPUT_RATE
    closed = np.where(instants < seconds, np.float16(0), np.float16(np.nan))
    bilabials = [phone for phone in phones if phone.bilabial]
    for phone in bilabials:
        near = (instants > phone.begin - BORDER) & (instants < phone.end + BORDER)
        closed[near] = np.nan
    for phone in bilabials:
        length = phone.opens - phone.begin
        first, last = phone.begin + _least(CLOSING, length), phone.opens - _least(OPENING, length)
        inside = (instants >= first) & (instants <= last)
        if not inside.any():
            inside = np.abs(instants - (first + last) / 2) <= 0.5 / voice_net.OUTPUT_RATE
        closed[inside] = 1
    return closed


def _least(most: tuple[float, float], length: float) -> float:
    seconds, part = most
    return min(seconds, part * length)
