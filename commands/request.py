"""What a call of `mouth animate`, or a line of its list, asks for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from commands.console import check_output
from commands.speaker import Speech
from jobs.chaining import result_stem
from media.encoding import Encoding, Quality, encoding_of


@dataclass(frozen=True)
class Request:
    """One video to be made; `options` are those of `rendering.options`, None if not given."""

    face: Path
    output: Path
    speeches: tuple[Speech, ...]
    precision: str | None
    quality: Quality
    options: dict[str, Any]

    @classmethod
    def from_parameters(
        cls,
        face: Path | None,
        voice: Path | None,
        output: Path | None,
        person: int | None,
        speakers: tuple[Speech, ...],
        force: bool,
        no_smooth: bool,
        no_blend: bool,
        no_level_voices: bool,
        precision: str | None,
        quality: Quality,
        **options: Any,
    ) -> "Request":
        """Raises click.UsageError for what lacks something, NamedError `output-exists`.

        And `unsupported-type` for an output whose name does not fit to its quality.
        """
        if face is None:
            raise click.UsageError("Give a FACE and a VOICE, or a list of them with --batch.")
        if voice is None and not speakers:
            raise click.UsageError("Give a VOICE, or at least one --speaker.")
        if person is not None and voice is None:
            raise click.UsageError("--person says who speaks VOICE, which is not there.")
        speeches = (*([Speech(voice, person)] if voice else []), *speakers)
        ending = ".mov" if quality == "prores" else ".mp4"
        output = output or Path(f"{result_stem(face.stem)}{ending}")
        encoding_of(output, quality)
        check_output(output, face, *(each.voice for each in speeches), force=force)
        options |= {
            "smooth": not no_smooth,
            "blend": not no_blend,
            "level_voices": not no_level_voices,
        }
        return cls(face, output, speeches, precision, quality, options)

    @property
    def encoding(self) -> Encoding:
        """How the output is coded."""
        return encoding_of(self.output, self.quality)
