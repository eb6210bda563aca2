"""`--speaker 2=his.mp3@3.2-2dB`: who says what, from when on, and how loud."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import click

LOUDEST = 60.0  # decibels, up and down

_GRAMMAR = re.compile(
    r"(?P<person>[1-9]\d{0,3})=(?P<voice>.+?)(?:@(?P<start>\d+(?:\.\d+)?))?(?P<gain>[+-]\d+(?:\.\d+)?dB)?"
)


@dataclass(frozen=True)
class Speech:
    """A sound and the number of its speaker, None for the only one; seconds and decibels."""

    voice: Path
    person: int | None
    start: Fraction = Fraction(0)
    gain: float = 0.0


class SpeakerType(click.ParamType):
    """PERSON=VOICE, then @SECONDS where it begins, then a gain as +3dB or -3dB.

    A file whose own name ends like that is taken as it is.
    """

    name = "speaker"

    def convert(
        self, value: str | Speech, param: click.Parameter | None, ctx: click.Context | None
    ) -> Speech:
        if isinstance(value, Speech):
            return value
        number, _, named = value.partition("=")
        parts = _GRAMMAR.fullmatch(value)
        if parts is None:
            self.fail(f"{value!r} is not PERSON=VOICE, such as 2=voice.mp3@3.5-2dB.", param, ctx)
        if Path(named).is_file():
            return Speech(Path(named), int(number))
        voice = Path(parts["voice"])
        if not voice.is_file():
            self.fail(f"there is no file {str(voice)!r}.", param, ctx)
        gain = float((parts["gain"] or "0").removesuffix("dB"))
        if abs(gain) > LOUDEST:
            self.fail(f"the gain must be from -{LOUDEST:g} to {LOUDEST:g} dB.", param, ctx)
        start = Fraction(parts["start"] or 0).limit_denominator(1_000_000)
        return Speech(voice, int(number), start, gain)
