"""The command `mouth`, as its user meets it."""

import json
import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import cli
from media.errors import NamedError
from media.pictures import read_picture, write_picture
from media.probe import probe
from media.video import read_frames
from rendering.options import Options

Mouth = Callable[..., Result]
TRAININGS = ("expert", "generator", "compact", "voice", "renderer", "speech")
COMMANDS = [
    [],
    *(
        [name]
        for name in (
            "animate",
            "faces",
            "fetch",
            "checkpoints",
            "dataset",
            "evaluate",
            "serve",
            "settings",
            "token",
            "train",
            "verify",
        )
    ),
    *(["token", word] for word in ("new", "list", "revoke")),
    *(["dataset", word] for word in ("clips", "crop", "keep", "sync", "prepare", "split")),
    *(["train", word] for word in TRAININGS),
]


@pytest.fixture
def mouth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mouth:
    """Runs `mouth` with these words in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.main, [str(word) for word in words])


@pytest.fixture
def silent_voice(tmp_path: Path) -> Path:
    path = tmp_path / "silent.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(32000))
    return path


def changed(frames: np.ndarray, still: np.ndarray, box: list[float]) -> float:
    """How much the part of the picture in `box` differs from the still's, in levels of 255."""
    x1, y1, x2, y2 = (round(side) for side in box)
    inside = frames[:, y1:y2, x1:x2].astype(float) - still[y1:y2, x1:x2]
    return float(np.abs(inside).mean())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(mouth: Mouth, words: list[str]) -> None:
    answer = mouth(*words, "--help")
    assert answer.exit_code == 0
    assert answer.output.startswith("Usage: ")


def test_help_does_not_wait_for_heavy_libraries() -> None:
    code = (
        "import cli, sys; cli.main(['--help'], standalone_mode=False); "
        "print('loaded', *{'torch', 'cv2', 'numpy', 'av', 'celery'} & set(sys.modules))"
    )
    root = Path(cli.__file__).parent
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert answer.stdout.decode().splitlines()[-1] == "loaded"


def test_faces_are_counted_from_left_to_right(mouth: Mouth, two_faces_file: Path) -> None:
    answer = mouth("faces", two_faces_file, "--json")
    left, right = json.loads(answer.stdout)["persons"]
    assert (left["id"], right["id"]) == (1, 2)
    assert left["box"][2] < 512 < right["box"][0]
    lines = mouth("faces", two_faces_file).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["person 1", "person 2"]


def test_a_contact_sheet_shows_everybody(mouth: Mouth, two_faces_file: Path) -> None:
    answer = mouth("faces", two_faces_file, "--json", "--sheet", "people.png")
    assert answer.exit_code == 0, answer.stderr
    for person in json.loads(answer.stdout)["persons"]:
        assert (person["first"], person["last"], person["share"]) == (0, 0.04, 1)
        assert person["intervals"] == [[0, 0.04]]
    sheet = read_picture("people.png")
    assert sheet.shape[1] > 2 * 256
    left, right = sheet[16:160, 16:176], sheet[16:160, 288:448]
    assert np.abs(left.astype(int) - right).mean() > 10  # a face and its mirror image
    assert left.std() > 30 < right.std()


def test_a_film_is_told_how_it_is_read_and_how_far(
    mouth: Mouth, astronaut_file: Path, short_voice: Path
) -> None:
    """People may have other numbers in the whole of a film than in what is shown of it."""
    with av.open("film.mov", "w") as output:
        stream = output.add_stream("qtrle", rate=10)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "argb"
        half = av.VideoFrame.from_ndarray(read_picture(astronaut_file)[:256, 96:352].copy())
        half = half.reformat(format="argb")
        for half.pts in range(8):
            output.mux(stream.encode(half))
        output.mux(stream.encode(None))
    seen = mouth("faces", "film.mov", "--seconds", 0.6, "--json")
    assert json.loads(seen.stdout)["persons"][0]["last"] == 0.6
    made = mouth("animate", "film.mov", short_voice, "--person", 1)
    assert made.exit_code == 0, made.stderr
    for told in (seen.stderr, made.stderr):
        assert "transparent" in told
    assert "`mouth faces --seconds 0.6`" in made.stderr


def test_what_was_found_is_kept(mouth: Mouth, astronaut_file: Path, tmp_path: Path) -> None:
    first = mouth("faces", astronaut_file, "--json").stdout
    kept = sorted((tmp_path / "var" / "detections").rglob("*.csv"))
    assert len(kept) == 2
    shutil.copy(astronaut_file, "another name.png")
    assert mouth("faces", "another name.png", "--json").stdout == first
    assert sorted((tmp_path / "var" / "detections").rglob("*.csv")) == kept


def test_options_keep_the_originals_spelling(mouth: Mouth, astronaut_file: Path) -> None:
    plain = mouth("faces", astronaut_file, "--json", "--resize-factor", 2)
    assert mouth("faces", astronaut_file, "--json", "--resize_factor", 2).stdout == plain.stdout
    (person,) = json.loads(plain.stdout)["persons"]
    assert person["box"][2] < 256


def test_the_chosen_mouth_moves_and_nothing_else(
    mouth: Mouth, two_faces_file: Path, short_voice: Path
) -> None:
    left, right = json.loads(mouth("faces", two_faces_file, "--json").stdout)["persons"]
    answer = mouth("animate", two_faces_file, short_voice, "--person", 2, "-o", "talking.mp4")
    assert answer.stdout == "talking.mp4\n"

    info = probe("talking.mp4")
    assert (info.width, info.height, info.fps, info.frames) == (1024, 512, Fraction(25), 15)
    assert info.has_audio
    frames = np.stack(list(read_frames("talking.mp4")))
    still = read_picture(two_faces_file)
    assert changed(frames, still, right["box"]) > 1.5 * changed(frames, still, left["box"])


def test_who_speaks_must_be_said_when_there_are_several(
    mouth: Mouth, two_faces_file: Path, short_voice: Path
) -> None:
    answer = mouth("animate", two_faces_file, short_voice)
    assert answer.exit_code == 1
    assert "person 1: box" in answer.stderr
    assert "person 2: box" in answer.stderr
    assert "--person N" in answer.stderr


def test_several_people_speak_in_one_run(
    mouth: Mouth, two_faces_file: Path, short_voice: Path
) -> None:
    left, right = json.loads(mouth("faces", two_faces_file, "--json").stdout)["persons"]
    shutil.copy(short_voice, "his@1+2dB")  # a name that looks like more than a name
    words = ["--speaker", "1=his@1+2dB", "--speaker", f"2={short_voice}@0.8-6dB", "-o", "two.mp4"]
    answer = mouth("animate", two_faces_file, *words)
    assert answer.exit_code == 0, answer.stderr
    assert probe("two.mp4").frames == 35  # 0.8 + 0.6 seconds
    frames = np.stack(list(read_frames("two.mp4")))
    moved = {
        name: np.abs(np.diff(frames[:, y1:y2, x1:x2].astype(int), axis=0)).mean(axis=(1, 2, 3))
        for name, person in (("left", left), ("right", right))
        for x1, y1, x2, y2 in [map(round, person["box"])]
    }
    assert moved["left"][:15].mean() > 2 * moved["right"][:15].mean()
    assert moved["right"][20:].mean() > 2 * moved["left"][20:].mean()


def test_who_speaks_what_is_asked_for_in_one_grammar(
    mouth: Mouth, two_faces_file: Path, short_voice: Path
) -> None:
    for wrong in ("his.mp3", "two=his.mp3", "2=nowhere.mp3", f"2={short_voice}@1+90dB"):
        answer = mouth("animate", two_faces_file, "--speaker", wrong)
        assert answer.exit_code == 2
        assert "--speaker" in answer.stderr
    assert mouth("animate", two_faces_file).exit_code == 2
    assert mouth("animate", two_faces_file, "--speaker", f"7={short_voice}").exit_code == 1


def test_the_options_reach_the_result(
    mouth: Mouth, astronaut_file: Path, short_voice: Path
) -> None:
    words = ["--resize_factor", 2, "--fps", 20, "--nosmooth", "--no-blend"]
    words += ["--box", 80, 30, 145, 100, "--pads", 0, 5, 0, 0, "--outfile", "small.mp4"]
    answer = mouth("animate", astronaut_file, short_voice, *words)
    assert answer.exit_code == 0, answer.stderr
    info = probe("small.mp4")
    assert (info.width, info.height, info.fps, info.frames) == (256, 256, Fraction(20), 12)


def test_the_result_is_named_after_the_face(
    mouth: Mouth, astronaut_file: Path, short_voice: Path
) -> None:
    shutil.copy(astronaut_file, 'a "strange" näme.png')
    answer = mouth("animate", 'a "strange" näme.png', short_voice, "--resize-factor", 2)
    assert answer.stdout == 'a "strange" näme-talking.mp4\n'
    assert Path(answer.stdout.rstrip("\n")).is_file()


def test_the_weights_may_be_any_file(mouth: Mouth, astronaut_file: Path, short_voice: Path) -> None:
    shutil.copy(Path(cli.__file__).parent / "checkpoints" / "compact.pt", "mine.pt")
    for name in ("mine.pt", "compact"):
        mouth("animate", astronaut_file, short_voice, "--checkpoint", name, "-o", f"{name}.mp4")
    mine, known = (list(read_frames(Path(f"{name}.mp4"))) for name in ("mine.pt", "compact"))
    assert (np.stack(mine) == np.stack(known)).all()


def test_what_cannot_be_done_is_said_with_a_remedy(
    mouth: Mouth, astronaut_file: Path, short_voice: Path, silent_voice: Path
) -> None:
    Path("text.mp4").write_text("This is no video.")
    Path("empty.png").touch()
    write_picture("grey.png", np.full((300, 300, 3), 128, np.uint8))
    asked = {
        "not what its name says": ["faces", "text.mp4"],
        "cannot be read": ["faces", "empty.png"],
        "No face was found": ["animate", "grey.png", short_voice],
        "silent": ["animate", astronaut_file, silent_voice],
        "A picture was given": ["animate", astronaut_file, astronaut_file],
        "A sound was given": ["animate", short_voice, short_voice],
        "Person 7": ["animate", astronaut_file, short_voice, "--person", 7],
    }
    for message, words in asked.items():
        answer = mouth(*words)
        assert answer.exit_code == 1, words
        assert isinstance(answer.exception, SystemExit), words
        first, *remedy = answer.stderr.strip().splitlines()
        assert re.match("[a-z]+(-[a-z]+)+: ", first), "its code, as in docs/errors.md"
        assert message in first
        assert remedy, words
        assert answer.stdout == ""
    assert list(Path().glob("**/*.mp4")) == [Path("text.mp4")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["animate", "me.png", "a.wav", "--checkpoint", "none"], "Known are compact, wav2lip"),
        (["animate", "me.png", "a.wav", "--checkpoint", "s3fd"], "Known are compact, wav2lip"),
        (["animate", "me.png", "a.wav", "--pads", 1, 2, 3, 10**9], "-100000<=x<=100000"),
        (["animate", "me.png", "a.wav", "--box", 9, 1, 8, 2], "X1 must be less than X2"),
        (["animate", "me.png", "a.wav", "--fps", "1e9"], "a number of frames a second"),
        (["animate", "me.png", "a.wav", "--sync-mode", "jump"], "'bounce', 'loop'"),
        (["animate", "me.png", "a.wav", "-o", "nowhere/o.mp4"], "does not exist"),
        (["animate", "me.png", "a.wav", "-o", "./me.png"], "End its name in one of .mp4"),
        (["faces", "me.png", "--sheet", "me.png"], "would be lost"),
        (["faces", "me.png", "--sheet", "me.txt"], "End its name in one of"),
        (["serve", "nobody"], "'redis', 'web'"),
        (["fetch", "--url", "ftp://host/file"], "does not begin with http://"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    mouth: Mouth, astronaut_file: Path, short_voice: Path, words: list[object], message: str
) -> None:
    shutil.copy(astronaut_file, "me.png")
    shutil.copy(short_voice, "a.wav")
    answer = mouth(*words)
    assert answer.exit_code == 2
    assert message in re.sub(r"\s+", " ", answer.stderr)
    assert sorted(path.name for path in Path().iterdir()) == ["a.wav", "me.png"]


def every_option() -> Iterator[tuple[list[str], click.Option]]:
    """The options of all commands, with the words that call the command."""
    groups: list[tuple[list[str], click.Command]] = [([], cli.main)]
    while groups:
        words, command = groups.pop()
        for option in command.params:
            if isinstance(option, click.Option):
                yield words, option
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                groups.append(([*words, name], inner))


def wrong_values(kind: click.ParamType) -> list[str]:
    """What an option of this type must refuse."""
    match kind:
        case click.IntRange() | click.FloatRange():
            below = [] if kind.min is None else [str(kind.min - 1)]
            above = [] if kind.max is None else [str(kind.max + 1)]
            return ["many", "nan", *below, *above]
        case click.Path(exists=True):
            return ["nowhere"]
        case click.Path(dir_okay=False):
            return ["."]
        case click.Path(file_okay=False):
            return ["file"]
    return ["nobody's", "-1"]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        pytest.param(words, option, id=" ".join([*words, option.opts[-1]]))
        for words, option in every_option()
    ],
)
def test_every_option_refuses_a_wrong_value(
    mouth: Mouth, words: list[str], option: click.Option
) -> None:
    """Before anything is done: what else the command needs is not even given."""
    Path("file").touch()
    if option.is_flag:
        answer = mouth(*words, f"{option.opts[-1]}=yes")
        assert answer.exit_code == 2
        assert "does not take a value" in answer.stderr
        return
    assert option.type.name != "text", "any text is taken"
    for name in (each for each in option.opts if each.startswith("--")):
        for wrong in wrong_values(option.type):
            answer = mouth(*words, name, *[wrong] * option.nargs)
            assert answer.exit_code == 2, wrong
            assert isinstance(answer.exception, SystemExit)
            assert "Invalid value for" in answer.stderr
            assert option.opts[-1] in answer.stderr


def test_the_command_line_takes_what_jobs_take_and_no_more() -> None:
    for words, option in every_option():
        if words == ["animate"] and isinstance(option.type, click.IntRange | click.FloatRange):
            name = str(option.name)
            if name not in {field.name for field in fields(Options)}:
                assert name == "person"
                continue
            for limit, step in ((option.type.min, -1), (option.type.max, 1)):
                assert limit is not None
                inside: Any = limit if option.nargs == 1 else [limit] * option.nargs
                beyond: Any = limit + step if option.nargs == 1 else [limit + step] * option.nargs
                if name == "box":
                    inside, beyond = sorted([limit, 0]) * 2, sorted([limit + step, 0]) * 2
                    inside, beyond = [[a, a, b, b] for a, b, *_ in (inside, beyond)]
                Options.from_dict({name: inside})
                with pytest.raises(NamedError, match=name):
                    Options.from_dict({name: beyond})


def test_a_wrong_setting_is_named(mouth: Mouth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eight thousand")
    answer = mouth("settings")
    assert answer.exit_code == os.EX_CONFIG
    assert "PORT='eight thousand' must be a whole number from 1 to 65535." in answer.stderr


def test_every_command_that_reads_settings_refuses_wrong_ones(
    mouth: Mouth, monkeypatch: pytest.MonkeyPatch, astronaut_file: Path, short_voice: Path
) -> None:
    monkeypatch.setenv("DETECTOR", "retina")
    for words in (
        ["animate", astronaut_file, short_voice],
        ["faces", astronaut_file],
        ["serve"],
        ["settings"],
        ["checkpoints"],
        ["token", "list"],
    ):
        answer = mouth(*words)
        assert answer.exit_code == os.EX_CONFIG, words
        assert "DETECTOR='retina' must be s3fd or centerface." in answer.stderr
        assert answer.stdout == ""


def test_settings_are_listed_as_they_are(mouth: Mouth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_SECONDS", "7")
    assert "SEGMENT_SECONDS=7.0" in mouth("settings").stdout


def test_checkpoints_say_what_is_used(mouth: Mouth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(Path.cwd()))
    answer = mouth("checkpoints").stdout
    assert "* compact" in answer
    assert "Face detector in use: centerface" in answer


def test_a_token_is_shown_once(mouth: Mouth) -> None:
    assert mouth("token", "list").stdout == ""
    token = mouth("token", "new", "robot").stdout.strip()
    assert len(token) == 49
    listed = mouth("token", "list").stdout
    assert listed.startswith("robot ")
    assert listed.endswith("last used never\n")
    assert token not in listed
    assert "already" in mouth("token", "new", "robot").stderr
    assert mouth("token", "revoke", "robot").exit_code == 0
    assert mouth("token", "list").stdout == ""


def test_the_version_is_told(mouth: Mouth) -> None:
    assert re.fullmatch(r"mouth \d+\.\d+\.\d+\n", mouth("--version").stdout)


def test_the_shell_completes_commands_and_values() -> None:
    for words, completed in (
        ("mouth an", "animate"),
        ("mouth animate --badge bottom-r", "bottom-right"),
    ):
        environment = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        environment |= {"_MOUTH_COMPLETE": "bash_complete", "PATH": os.environ["PATH"]}
        command = [Path(sys.executable).with_name("mouth")]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert answer.stdout == f"plain,{completed}\n"


def test_where_json_was_asked_for_a_failure_is_json(mouth: Mouth, astronaut_file: Path) -> None:
    for words, status, code in (
        (["animate", astronaut_file, astronaut_file], 1, "not-a-voice"),
        (["animate", astronaut_file], 2, "wrong-usage"),
        (["faces", "nowhere.png"], 2, "wrong-usage"),
        (["verify", astronaut_file], 1, "no-credentials"),
    ):
        answer = mouth(*words, "--json")
        assert answer.exit_code == status
        error = json.loads(answer.stdout)["error"]
        assert error["code"] == code
        assert error["remedy"]


def test_a_list_is_checked_whole_and_made_line_by_line(
    mouth: Mouth, astronaut_file: Path, short_voice: Path
) -> None:
    write_picture("me.png", read_picture(astronaut_file)[::2, ::2])
    shutil.copy(short_voice, "a;b.wav")
    shutil.copy(short_voice, "a.wav")
    head = "face,voice,output,person,speaker,pads,no-smooth\n"
    lines = "me.png,a.wav,one.mp4,7,,,yes\n\nme.png,,two.mp4,,1=a.wav;1=a.wav@0.2,0 5 0 0,\n"
    for wrong, message in (
        (head + lines + "me.png,a;b.wav,./one.mp4,,,,\n", "line 5: Line 2 has the output"),
        (head + ",a.wav,one.mp4,,,,\n", "line 2: The cell 'face' is empty."),
        (head + "me.png,a.wav,one.mp4,me,,,\n", "line 2: Invalid value for '--person'"),
        ("face;voice\nme.png;a.wav\n", "has a column 'face;voice'"),
        (head, "needs a line of names"),
    ):
        Path("list.csv").write_text(wrong)
        answer = mouth("animate", "--batch", "list.csv")
        assert answer.exit_code == 2
        assert message in re.sub(r"\s+", " ", answer.stderr)
    Path("list.csv").write_text(head + lines, encoding="utf-8-sig")
    answer = mouth("animate", "--batch", "list.csv", "--fps", 20, "--json")
    assert answer.exit_code == 1, answer.stderr
    failed, made = map(json.loads, answer.stdout.splitlines())
    assert (failed["line"], failed["error"]["code"]) == (2, "no-such-person")
    assert (made["line"], made["output"], made["frames"], made["fps"]) == (4, "two.mp4", 16, 20)
    assert made["speakers"] == [1]
    assert (probe("two.mp4").frames, Path("one.mp4").exists()) == (16, False)
    again = mouth("animate", "--batch", "list.csv", "--json")
    assert json.loads(again.stdout)["error"]["code"] == "output-exists"


def test_what_is_there_is_overwritten_only_when_told_so(
    mouth: Mouth, astronaut_file: Path, short_voice: Path
) -> None:
    write_picture("me.png", read_picture(astronaut_file)[::2, ::2])
    Path("me-talking.mp4").write_text("a film")
    refused = mouth("animate", "me.png", short_voice)
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "output-exists")
    assert Path("me-talking.mp4").read_text() == "a film"
    made = mouth("animate", "me.png", short_voice, "--force", "--quiet", "--fps", 20)
    assert (made.stdout, made.stderr) == ("me-talking.mp4\n", "")
    assert probe("me-talking.mp4").frames == 12
    itself = mouth("animate", "me-talking.mp4", short_voice, "-o", "me-talking.mp4", "--force")
    assert itself.exit_code == 2
    assert "would be lost" in re.sub(r"\s+", " ", itself.stderr)


def test_fetching_offline_says_what_to_do(
    mouth: Mouth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path))
    answer = mouth("fetch", "s3fd", "--url", "http://127.0.0.1:9/s3fd.pth")
    assert answer.exit_code == 1
    assert "Is this machine online?" in answer.stderr
    assert str(tmp_path) in answer.stderr


def test_a_finished_video_says_what_it_was_made_from(
    mouth: Mouth, astronaut_file: Path, short_voice: Path, two_faces_file: Path
) -> None:
    assert mouth("animate", astronaut_file, short_voice, "-o", "out.mp4").exit_code == 0
    answer = mouth("verify", "out.mp4", "--made-from", astronaut_file, "--made-from", short_voice)
    assert answer.exit_code == 0, answer.stderr
    assert "unchanged since it was signed" in answer.stdout
    assert "on no trust list known here" in answer.stdout
    assert f"{astronaut_file.name}: source" in answer.stdout
    assert f"{short_voice.name}: voice 1" in answer.stdout
    assert "person 1, start 0" in answer.stdout
    stranger = mouth("verify", "out.mp4", "--made-from", two_faces_file)
    assert stranger.exit_code != 0
    assert f"was not made from {two_faces_file.name}" in stranger.stderr


def test_a_changed_video_and_one_without_credentials_are_told_apart(
    mouth: Mouth, astronaut_file: Path, short_voice: Path
) -> None:
    assert mouth("animate", astronaut_file, short_voice, "-o", "out.mp4").exit_code == 0
    content = bytearray(Path("out.mp4").read_bytes())
    content[content.index(b"mdat") + 1000] ^= 1
    Path("changed.mp4").write_bytes(content)
    changed = mouth("verify", "changed.mp4")
    assert changed.exit_code != 0
    assert "not as it was signed" in changed.stderr
    plain = mouth("verify", astronaut_file)
    assert plain.exit_code != 0
    assert "no Content Credentials" in plain.stderr
