"""Train the voice activity net: is what is heard somebody who speaks?

    mouth train speech CLIPS RUN --table clips.csv

CLIPS are recordings of one voice each; held vowels, music and noises are synthesized. More of what
holds no voice, --recordings FOLDER, helps, above all tunes played on recorded instruments: see
docs/training.md. RUN/speech.pt is the result, to take the place of checkpoints/speech.pt.
Hyper-parameters: config.SpeechConfig.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from wav2lip.compact import voice_activity, voice_net
from wav2lip.training import command_line, state, voice_activity_data
from wav2lip.training.config import SpeechConfig
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report
from wav2lip.training.shrink import halved

BETAS = (0.9, 0.999)


def main(
    clips: Path,
    run: Path,
    config: SpeechConfig,
    table: Path | None = None,
    recordings: Path | None = None,
    device: str = "cpu",
) -> Path:
    """Train on the recordings under `clips`; returns run/speech.pt, in half precision.

    Held-out persons of `table` are left out; `recordings` is a folder of sounds without a voice.
    Raises NamedError `nothing-prepared` where there is no voice, `other-run` where `run` holds a
    run of another configuration, or `checkpoint-corrupt` for weights to start from.
    """
    voices = voice_activity_data.voices(np.random.default_rng(config.seed), clips, table)
    if config.vowels:
        held = voice_activity_data.held_vowels(config.seed, config.vowels)
        voices = voice_activity_data.joined((voices, held))
    others = voice_activity_data.others(config.seed, config.pieces, recordings)
    sampler = voice_activity_data.SpeechSampler(config.seed, voices, others)

    torch.manual_seed(config.seed)
    net = _started(config.start).to(device)
    rate = config.peak_learning_rate()
    learner = Learner(net, rate, config.weight_decay, BETAS, config.ema_decay, ema_start=0)
    report = Report(run / "report.html", "Training the voice activity net")
    training = Training(run, config, config.steps, {"speech": learner}, report)

    edge = voice_activity.NET_CONTEXT // voice_net.STRIDE
    for step, batch in training.steps(sampler, device, reseed=False):
        with mixed_precision(batch.mel.device):
            answer = net(batch.mel)[:, edge:-edge].float()
        each = functional.binary_cross_entropy_with_logits(answer, batch.speech, reduction="none")
        loss = (each * batch.known).sum() / batch.known.sum()
        training.optimizer_step(loss, "speech")
        if training.is_eval_step(step):
            training.update_report()
    training.load_final("speech")
    learned = halved(net.cpu().state_dict())
    described = {"architecture": "speech", "config": asdict(config), "state_dict": learned}
    state.save(run / "speech.pt", described)
    return run / "speech.pt"


def _started(start: str | None) -> voice_activity.VoiceActivityNet:
    """A new network, or that of the weights to go on from."""
    if start is None:
        return voice_activity.VoiceActivityNet()
    path = Path(start)
    return voice_activity.load(path if path.is_file() else None).requires_grad_(True)


if __name__ == "__main__":
    command_line.speech()
