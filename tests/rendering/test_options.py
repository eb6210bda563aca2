from fractions import Fraction
from typing import Any

import pytest

from media.errors import NamedError
from rendering.options import Options, option_notes


def test_options_come_back_from_json_as_they_were() -> None:
    options = Options(
        checkpoint="wav2lip_gan",
        overlay=True,
        soundtrack_gain=-3.5,
        sync_mode="freeze",
        pads=(0, 10, 0, 0),
        box=(10.0, 20.5, 110.0, 140.0),
        fps=Fraction(30000, 1001),
        crop=(0, -1, 10, 200),
        smooth=False,
    )
    assert Options.from_dict(options.to_dict()) == options
    assert Options.from_dict({}) == Options()


def test_a_job_that_names_no_checkpoint_gets_the_default_one() -> None:
    assert Options.from_dict({}, checkpoint="mine").checkpoint == "mine"
    assert Options.from_dict({"checkpoint": "other"}, checkpoint="mine").checkpoint == "other"


def test_a_rate_may_be_a_number_or_a_fraction() -> None:
    assert Options.from_dict({"fps": 29.97}).fps == Fraction(2997, 100)
    assert Options.from_dict({"fps": "30000/1001"}).fps == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("overlay", 1),
        ("pads", [0, 10, 0]),
        ("pads", [0, 10, 0, "0"]),
        ("box", [10, 10, 5, 20]),
        ("box", [10, 10, 50, float("nan")]),
        ("box", "10 10 20 20"),
        ("sync_mode", "backwards"),
        ("sync_mode", ["loop"]),
        ("soundtrack_gain", "loud"),
        ("soundtrack_gain", float("nan")),
        ("fps", 0),
        ("fps", "fast"),
        ("fps", "1/0"),
        ("resize_factor", 0),
        ("resize_factor", True),
        ("crop", None),
        ("checkpoint", "../../etc/passwd"),
        ("checkpoint", ""),
        ("wav2lip_batch_size", 10**9),
        ("mouth", "open"),
    ],
)
def test_a_bad_option_is_named(name: str, value: Any) -> None:
    with pytest.raises(NamedError) as refusal:
        Options.from_dict({name: value})
    assert refusal.value.code == "bad-option"
    assert repr(name) in refusal.value.message


@pytest.mark.parametrize(
    ("options", "kind", "architecture", "told"),
    [
        (Options(), "video", "wav2lip", []),
        (Options(smile=1, strength=1.2), "image", "compact", []),
        (Options(smile=1, still=True), "video", "compact", []),
        (Options(smile=1, strength=1.2), "video", "compact", ["smile was not used"]),
        (
            Options("wav2lip", smile=1, strength=1.2),
            "image",
            "wav2lip",
            ["smile was not used", "strength was not used"],
        ),
        (Options("mine", strength=1.2), "image", None, ["strength is used only if"]),
    ],
)
def test_options_that_are_not_used_are_told(
    options: Options, kind: str, architecture: str | None, told: list[str]
) -> None:
    notes = option_notes(options, kind, architecture)
    assert len(notes) == len(told)
    for note, words in zip(notes, told, strict=True):
        assert words in note
