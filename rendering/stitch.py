"""Stitching of rendered segments into the finished video, with sound and Content Credentials."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import checkpoints
from media import provenance
from media.assemble import concatenate
from media.certificate import Certificate
from media.encoding import MP4, Encoding
from media.gif import write_gif
from media.mixing import mix
from rendering.spec import RenderSpec


def stitch(
    spec: RenderSpec,
    segments: Sequence[Path],
    out_path: Path,
    certificate: Certificate,
    encoding: Encoding = MP4,
) -> None:
    """Join the segments, in order, with the sound of the voices into the finished video.

    It is signed where its container has a place for that.
    """
    options = spec.source.options
    soundtrack = spec.source.path if options.overlay and spec.source.info.has_audio else None
    with TemporaryDirectory(dir=out_path.parent) as folder:
        sound = Path(folder) / "sound.wav"
        mix(
            [(voice.path, voice.start, voice.gain) for voice in spec.voices],
            soundtrack,
            Fraction(spec.frames) / spec.fps,
            sound,
            options.soundtrack_gain,
            options.level_voices,
        )
        if encoding.sound is None:
            silent = Path(folder) / "silent.mp4"
            concatenate(segments, None, silent, spec.fps, spec.frames, {})
            write_gif(silent, out_path, spec.fps, spec.frames, spec.source.size)
        else:
            concatenate(segments, sound, out_path, spec.fps, spec.frames, {}, encoding)
    if encoding.media_type is None:
        return
    ingredients = [provenance.Ingredient("source", spec.source.path, spec.source.sha256)] + [
        provenance.Ingredient(f"voice {number}", voice.path, voice.sha256)
        for number, voice in enumerate(spec.voices, start=1)
    ]
    facts = rendering_facts(spec)
    provenance.sign(out_path, ingredients, facts, certificate, encoding.media_type)


def rendering_facts(spec: RenderSpec) -> dict[str, Any]:
    """How a spec is rendered, for its credentials: nothing that names a file or a person.

    A checkpoint that is a file of the user's own is not named either.
    """
    checkpoint = spec.source.options.checkpoint
    known = checkpoint in {each.name for each in checkpoints.all()}
    voices = [
        {"person": voice.person, "start": float(voice.start), "gain": voice.gain}
        for voice in spec.voices
    ]
    return {"checkpoint": checkpoint if known else "another", "voices": voices}
