"""The command lines of the trainings: an option for each field of a configuration."""

import re
import runpy
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import cli
from commands.train import train
from media.errors import NamedError
from wav2lip.training import command_line, prepare, train_expert, train_renderer
from wav2lip.training.config import (
    CompactConfig,
    ExpertConfig,
    GeneratorConfig,
    RendererConfig,
    RunConfig,
    SpeechConfig,
    StudentConfig,
    VoiceConfig,
)

CONFIGS: dict[str, type[RunConfig]] = {
    "expert": ExpertConfig,
    "generator": GeneratorConfig,
    "compact": CompactConfig,
    "voice": VoiceConfig,
    "renderer": RendererConfig,
    "speech": SpeechConfig,
    "student": StudentConfig,
}

MODULES = Path(command_line.__file__).parent


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the renderer's training was asked for, without training anything."""
    (tmp_path / "prepared").mkdir()
    (tmp_path / "clips.csv").touch()
    (tmp_path / "base.pt").touch()
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {}
    monkeypatch.setattr(train_renderer, "main", lambda **named: given.update(named))
    return given


@pytest.mark.parametrize("name", CONFIGS)
def test_every_field_is_a_documented_option_and_its_default_the_fields(name: str) -> None:
    (command,) = (each for each in command_line.COMMANDS if each.name == name)
    options = {each.name: each for each in command.params if isinstance(each, click.Option)}
    for field in fields(CONFIGS[name]):
        option = options[field.name]
        assert option.help
        assert option.default == field.default
        assert f"--{field.name.replace('_', '-')}" in option.opts


def test_options_become_the_configuration(asked: dict[str, Any]) -> None:
    words = "--table clips.csv --steps 7 --ema-decay 0.9 --everyone --start base.pt"
    answer = CliRunner().invoke(command_line.renderer, ["prepared", "run", *words.split()])
    assert answer.exit_code == 0, answer.output
    assert asked == {
        "prepared": Path("prepared"),
        "run": Path("run"),
        "table": Path("clips.csv"),
        "device": "cpu",
        "config": RendererConfig(steps=7, ema_decay=0.9, everyone=True, start="base.pt"),
    }


def test_options_keep_their_earlier_names(asked: dict[str, Any]) -> None:
    words = ["train", "renderer", "prepared", "run", "--look-every", "3", "--average", "0.5"]
    answer = CliRunner().invoke(cli.main, words)
    assert answer.exit_code == 0, answer.output
    assert asked["config"] == RendererConfig(eval_interval=3, ema_decay=0.5)


@pytest.mark.parametrize(
    "words",
    [
        ["--steps", "0"],
        ["--ema-decay", "1"],
        ["--learning-rate", "-1"],
        ["--seed", "first"],
        ["--table", "absent.csv"],
        ["--start", "absent.pt"],
        ["--critic-weight", "nan"],
    ],
)
def test_wrong_values_are_refused(asked: dict[str, Any], words: list[str]) -> None:
    answer = CliRunner().invoke(command_line.renderer, ["prepared", "run", *words])
    assert answer.exit_code == 2
    assert words[0] in answer.stderr
    assert asked == {}


def test_a_choice_lists_what_there_is(asked: dict[str, Any]) -> None:
    words = ["prepared", "run", "--network", "deep"]
    answer = CliRunner().invoke(command_line.expert, words)
    assert answer.exit_code == 2
    assert "'light', 'paper'" in answer.stderr


@pytest.mark.parametrize("name", CONFIGS)
def test_a_module_and_mouth_train_are_one_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train.commands[name] is getattr(command_line, name)
    called: list[str] = []
    monkeypatch.setattr(command_line, name, lambda: called.append(name))
    runpy.run_path(str(MODULES / f"train_{name}.py"), run_name="__main__")
    assert called == [name]


def test_a_refusal_is_a_message_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise NamedError("nothing-prepared", "Nothing is there.", "Prepare something.")

    monkeypatch.setattr(train_expert, "main", refuse)
    for command, words in ((command_line.expert, []), (cli.main, ["train", "expert"])):
        answer = CliRunner().invoke(command, [*words, str(tmp_path), str(tmp_path / "run")])
        assert answer.exit_code == 1
        problem, remedy = answer.stderr.splitlines()
        assert problem.endswith("Nothing is there.")
        assert remedy == "Prepare something."


def test_a_folder_of_clips_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[dict[str, int]] = []
    monkeypatch.setattr(prepare, "main", lambda clips, out, processes, limit: limits.append(limit))
    words = [str(tmp_path), str(tmp_path / "out"), "--limit"]
    answer = CliRunner().invoke(prepare.command, [*words, "a=2", "--limit", "b=c=30"])
    assert answer.exit_code == 0, answer.output
    assert limits == [{"a": 2, "b=c": 30}]
    for wrong in ("a", "a=", "=2", "a=few"):
        answer = CliRunner().invoke(prepare.command, [*words, wrong])
        assert answer.exit_code == 2
        assert "is not FOLDER=N" in answer.stderr


def test_compact_hands_its_numbers_on() -> None:
    config = CompactConfig(voice_steps=5, renderer_steps=6, seed=3, ema_decay=0.5, everyone=True)
    assert config.voice() == VoiceConfig(steps=5, seed=3, everyone=True)
    assert config.renderer() == RendererConfig(steps=6, seed=3, ema_decay=0.5, everyone=True)


@pytest.mark.parametrize(
    ("config", "rate"),
    [
        (ExpertConfig(), 2e-3),
        (ExpertConfig(network="paper"), 1e-4),
        (ExpertConfig(start="expert"), 4e-4),
        (ExpertConfig(start="expert", learning_rate=1e-9), 1e-9),
        (GeneratorConfig(), 1e-4),
        (GeneratorConfig(start="wav2lip_gan"), 2e-5),
    ],
)
def test_a_fine_tune_has_a_lower_learning_rate_unless_asked(
    config: ExpertConfig | GeneratorConfig, rate: float
) -> None:
    assert config.peak_learning_rate() == rate


def test_the_docs_tell_the_learning_rates() -> None:
    """Peak learning rates by training and network, plain and of a fine-tune."""
    text = (Path(cli.__file__).parent / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| `--[a-z-]+` \| (\S+) \| (\S*) ?\|$", text, re.M)
    told = {(name, network): (plain, tuned) for name, network, plain, tuned in rows}
    expected: dict[tuple[str, str], tuple[float, ...]] = {
        ("expert", network): tuple(
            ExpertConfig(network=network, start=start).peak_learning_rate()
            for start in (None, "expert")
        )
        for network in ("light", "paper")
    }
    expected["generator", "generator, discriminator"] = tuple(
        GeneratorConfig(start=start).peak_learning_rate() for start in (None, "wav2lip_gan")
    )
    voice, renderer = VoiceConfig(start="compact"), RendererConfig(start="compact")
    expected["voice", "voice nets"] = (
        voice.learning_rate,
        voice.usual_learning_rate(voice.learning_rate),
    )
    expected["renderer", "reader"] = (renderer.reader_learning_rate,) * 2
    expected["renderer", "renderer on real frames"] = (
        renderer.learning_rate,
        renderer.usual_learning_rate(renderer.learning_rate),
    )
    expected["renderer", "renderer with the critic"] = (renderer.adversarial_learning_rate,) * 2
    expected["renderer", "critic"] = (renderer.critic_learning_rate,) * 2
    expected["speech", "voice activity net"] = tuple(
        SpeechConfig(start=start).peak_learning_rate() for start in (None, "speech")
    )
    assert told.keys() == expected.keys()
    for key, rates in expected.items():
        assert [float(rate) for rate in told[key] if rate] == pytest.approx(rates), key
