"""The amplitude of predicted mouths: a regression shrinks towards the mean, a face must not."""

import numpy as np
import torch
from torch.nn import functional

from wav2lip.audio import SILENCE
from wav2lip.compact import mouth_motion, mouth_shape
from wav2lip.compact.speech_encoder import OFFLINE, SpeechEncoder
from wav2lip.training import dataset


def with_real_amplitude(encoder: SpeechEncoder, clips: list[dataset.Clip]) -> SpeechEncoder:
    """`encoder`, the outputs of its exits scaled by one number each.

    The openings of `clips`, as the engine drives them (`mouth_motion.GAIN`), then have the standard
    deviation of the measured ones: a regression shrinks towards the mean.
    """
    encoder.eval()
    for exit_number, layer in enumerate((encoder.live, encoder.offline)):
        spread = _spread_of_openings(encoder, exit_number, clips)
        with torch.no_grad():
            for parameter in layer.head[-1].parameters():
                parameter.div_(spread * mouth_motion.GAIN)
    return encoder


@torch.inference_mode()
def _spread_of_openings(
    encoder: SpeechEncoder, exit_number: int, clips: list[dataset.Clip]
) -> float:
    """The median over groups of clips of the standard deviation of the predicted openings."""
    groups: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        mel = functional.pad(
            torch.from_numpy(clip.mel)[None], (OFFLINE.before, OFFLINE.after), value=SILENCE
        )
        shapes = encoder.exits(mel)[exit_number].shapes[0, mouth_shape.OPENING].numpy()
        groups.setdefault(clip.group, []).append(shapes)
    return float(np.median([np.concatenate(each).std() for each in groups.values()]).clip(1e-3))
