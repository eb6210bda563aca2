"""The paper's generator: what it is shown, what it minimises, and that its file can be used."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage import data
from torch import Tensor, nn

import cli
import wav2lip
from media.errors import NamedError
from wav2lip.expert import LightSyncNet
from wav2lip.networks import Wav2Lip
from wav2lip.training import train_generator, windows
from wav2lip.training.config import GeneratorConfig
from wav2lip.training.train_generator import GeneratorSampler

BOX = np.array([[180.0, 76, 272, 187]])


class TinyGenerator(nn.Module):
    """Draws the masked frame and the reference mixed, brighter or darker with the sound."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv3d(6, 3, 1)
        self.sound = nn.Linear(80 * 16, 1)

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        brighter = self.sound(mel.flatten(2))[:, None, :, :, None]
        return torch.sigmoid(self.mix(faces) + brighter)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An expert that knows nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("expert") / "expert.pt"
    torch.save({"state_dict": LightSyncNet().state_dict()}, path)
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_generator, "Wav2Lip", TinyGenerator)


def train(layout: Path, run: Path, judge: Path, **config: Any) -> dict[str, Any]:
    """The state of a short run when it has ended."""
    small = GeneratorConfig(**{"steps": 6, "batch": 2, "eval_interval": 2} | config)
    train_generator.main(layout, run, small, str(judge))
    return torch.load(run / "state.pt", weights_only=True)


def test_a_window_shows_upper_halves_references_and_sound(layout: Path) -> None:
    learned, _ = windows.load(layout)
    batch = GeneratorSampler(0, learned, 3)[0]
    masked, reference = batch.faces[:, :3], batch.faces[:, 3:]
    assert batch.target.shape == (3, 3, 5, 96, 96)
    assert (masked[..., 48:, :] == 0).all()
    assert torch.equal(masked[..., :48, :], batch.target[..., :48, :])
    assert not torch.equal(reference, batch.target)
    assert batch.heard.shape == (3, 5, 1, 80, 16)
    assert torch.equal(batch.heard[:, 0], batch.mel)
    assert not torch.equal(batch.heard[:, 1], batch.mel)


def test_pictures_are_blue_first_as_published_weights_expect(layout: Path) -> None:
    learned, _ = windows.load(layout)
    blue, _, red = GeneratorSampler(0, learned, 1)[0].target.mean((0, 2, 3, 4))
    assert red > blue  # skin


def test_the_mouth_counts_as_often_as_asked() -> None:
    target = torch.zeros(1, 3, 5, 96, 96)
    lips, brow = target.clone(), target.clone()
    lips[..., 64, 48] = 1
    brow[..., 20, 48] = 1
    plain = [train_generator.reconstruction_loss(drawn, target, 1.0) for drawn in (lips, brow)]
    weighted = [train_generator.reconstruction_loss(drawn, target, 4.0) for drawn in (lips, brow)]
    assert plain[0] == plain[1]
    assert weighted[0] / weighted[1] == pytest.approx(4)
    # Where all is wrong by as much, the weight changes nothing.
    assert train_generator.reconstruction_loss(target + 0.5, target, 4.0) == pytest.approx(0.5)


def test_the_expert_sees_five_lower_halves_in_order() -> None:
    seen: list[Tensor] = []

    def judge(mel: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(faces)
        return torch.ones(1, 1), torch.full((1, 1), 0.5)

    drawn = torch.arange(5.0).reshape(1, 1, 5, 1, 1).expand(1, 3, 5, 96, 96)
    loss = train_generator.sync_loss(judge, torch.zeros(1, 1, 80, 16), drawn)
    assert seen[0].shape == (1, 15, 48, 96)
    assert seen[0][0, :, 0, 0].tolist() == [float(frame) for frame in range(5) for _ in range(3)]
    assert loss.item() == pytest.approx(np.log(2))


@pytest.mark.usefixtures("tiny")
def test_the_expert_teaches_only_once_it_is_content(
    layout: Path, judge: Path, tmp_path: Path
) -> None:
    runs = {
        below: train(layout, tmp_path / str(below), judge, sync_below=below, sync_weight=0.5)
        for below in (0.0, 100.0)
    }
    never, soon = (runs[below]["curves"]["generator"] for below in (0.0, 100.0))
    assert soon[:2] == never[:2]  # until the first validation
    assert soon[2:] != never[2:]


@pytest.mark.usefixtures("tiny")
def test_the_frozen_expert_stays_as_it_was(
    layout: Path, judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = train_generator.expert.load(judge)
    before = {name: value.clone() for name, value in loaded.state_dict().items()}
    monkeypatch.setattr(train_generator.expert, "load", lambda _: loaded)
    train(layout, tmp_path, judge, sync_below=100.0, sync_weight=0.5)
    after = loaded.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.usefixtures("tiny")
def test_the_discriminator_learns_beside_the_generator(
    layout: Path, judge: Path, tmp_path: Path
) -> None:
    alone = train(layout, tmp_path / "alone", judge, steps=2)
    judged = train(layout, tmp_path / "judged", judge, steps=2, discriminator=True)
    assert alone["nets"].keys() == {"generator"}
    assert judged["nets"].keys() == {"generator", "discriminator"}
    # It begins without an opinion; part of the generator's loss is what it thinks.
    assert judged["curves"]["discriminator"][0][1] == pytest.approx(np.log(2), abs=0.05)
    likeness = alone["curves"]["generator"][0][1]
    assert judged["curves"]["generator"][0][1] == pytest.approx(
        0.93 * likeness + 0.07 * np.log(2), abs=0.005
    )
    steps = {
        each["step"].item() for each in judged["optimisers"]["discriminator"]["state"].values()
    }
    assert steps == {2}


@pytest.mark.usefixtures("tiny")
def test_a_stopped_run_goes_on_as_if_nothing_had_been(
    layout: Path, judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {
        "discriminator": True,
        "sync_below": 100.0,
        "steps": 4,
        "batch": 1,
    }
    unbroken = train(layout, tmp_path / "unbroken", judge, **options)
    sample = GeneratorSampler.sample

    def stopping(
        self: GeneratorSampler, step: int, rng: np.random.Generator
    ) -> train_generator.Batch:
        if step == 3 and self.seed == 0:  # not those to validate on
            raise KeyboardInterrupt
        return sample(self, step, rng)

    with monkeypatch.context() as patch:
        patch.setattr(GeneratorSampler, "sample", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(layout, tmp_path / "stopped", judge, **options)
    resumed = train(layout, tmp_path / "stopped", judge, **options)
    assert resumed["curves"] == unbroken["curves"]
    for net, expected in unbroken["nets"].items():
        assert all(torch.equal(resumed["nets"][net][key], expected[key]) for key in expected)


@pytest.mark.usefixtures("tiny")
def test_samples_are_shown_beside_their_reference(
    layout: Path, judge: Path, tmp_path: Path
) -> None:
    train(layout, tmp_path, judge, steps=2)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("reference | made | real</figcaption>") == train_generator.VALIDATION_BATCHES
    assert "validation sync loss of what is drawn" in page


@pytest.mark.slow
def test_a_trained_generator_animates_and_is_tuned_further(
    layout: Path, judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_generator, "VALIDATION_BATCHES", 1)
    run, tuned = tmp_path / "run", tmp_path / "tuned"
    words = ["--expert", str(judge), "--steps", "1", "--batch", "1"]
    answer = CliRunner().invoke(cli.main, ["train", "generator", str(layout), str(run), *words])
    assert answer.exit_code == 0, answer.output
    path = run / "generator.pt"
    engine = wav2lip.load(path, precision="half")
    assert engine.architecture == "wav2lip"
    frame = data.astronaut()
    drive = engine.drive(np.zeros((80, 80), np.float32), 0, 1, Fraction(25))
    (drawn,) = engine.render([frame], BOX, drive)
    assert (drawn[:100] == frame[:100]).all()
    assert (drawn[130:180, 190:262] != frame[130:180, 190:262]).any()

    words += ["--start", str(path), "--rate", "1e-9"]
    answer = CliRunner().invoke(cli.main, ["train", "generator", str(layout), str(tuned), *words])
    assert answer.exit_code == 0, answer.output
    one, two = (
        torch.load(folder / "generator.pt", weights_only=True)["state_dict"]
        for folder in (run, tuned)
    )
    key = "output_block.1.weight"
    assert torch.allclose(one[key], two[key], atol=1e-6)


def test_only_a_generator_can_be_tuned_to_a_generator() -> None:
    with pytest.raises(NamedError, match="compact is no generator") as error:
        train_generator._load_start(Wav2Lip(), "compact")
    assert error.value.code == "checkpoint-unsuitable"


def test_the_papers_numbers_are_the_default() -> None:
    paper = GeneratorConfig()
    assert (paper.sync_weight, paper.discriminator_weight, paper.lip_weight) == (0.03, 0.07, 1.0)
