"""The compact engine: a voice gives mouth shapes, and a mouth shape redraws a face."""

import copy
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wav2lip import weights
from wav2lip.compact import crop, layered_renderer, mouth_closing, mouth_motion, mouth_shape
from wav2lip.compact.layered_renderer import LayeredMouthFinder, SourceMouth
from wav2lip.compact.mouth_motion import SPEAKING
from wav2lip.compact.paste_back import paste
from wav2lip.compact.renderer import ROWS, Drawing, Renderer, mouth_and_jaw_mask
from wav2lip.compact.speech_encoder import SpeechEncoder
from wav2lip.compact.voice_net import VoiceNet
from wav2lip.engine import MouthFinder, Precision, Style
from wav2lip.inference import best_device, channels_last, working_dtype

BATCH = 16
# The networks that a checkpoint may drive mouths with, by name; see `voice_networks`.
VOICE_NETWORKS: dict[str, type[VoiceNet | SpeechEncoder]] = {
    "voice_net": VoiceNet,
    "speech_encoder": SpeechEncoder,
}


class CompactEngine:
    """An engine (wav2lip.engine.Engine) on the weights that ship with this project."""

    name = "compact"
    architecture = "compact"
    pads = (0, 0, 0, 0)
    mouth_finder: MouthFinder | None = LayeredMouthFinder()

    def __init__(
        self,
        nets: list[nn.Module],
        renderer: Renderer,
        speaker: mouth_motion.Speaker,
        unit: np.ndarray,
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.unit = unit  # (8,) one unit of each mouth shape as a raw length
        self.device = device or best_device()
        self._nets = [_for_inference(net, "cpu") for net in nets]
        self._renderer = _for_inference(renderer, self.device)
        self._speaker = speaker
        self._mask = mouth_and_jaw_mask().to(self.device)
        self._dtype = working_dtype(self.device, precision)

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, device: str | None = None, precision: Precision = "auto"
    ) -> "CompactEngine":
        """The engine with the weights of a file that `wav2lip.training.export` wrote.

        `device` and `precision` are those of `wav2lip.load`. Raises NamedError `checkpoint-corrupt`
        for any other file.
        """
        content = weights.read(Path(path))
        try:
            return cls(*_networks(content), device=device, precision=precision)
        except (KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise weights.corrupt(Path(path)) from error

    def drive(self, mel: np.ndarray, start: int, stop: int, fps: Fraction) -> np.ndarray:
        """Mouth shapes and how much is spoken, (stop - start, 9), of result frames start..stop.

        See `mouth_motion.drive`.
        """
        return mouth_motion.drive(self._nets, self._speaker, mel, start, stop, fps)

    def render(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray,
        drive: np.ndarray,
        blend: bool = True,
        rolls: np.ndarray | None = None,
        moving: bool = False,
        mouths: Sequence[SourceMouth | None] | None = None,
        style: Style = Style(),  # noqa: B008
    ) -> list[np.ndarray]:
        """New frames with the mouths inside `boxes` (n, 4) in the shapes `drive` (n, 8 or 9).

        See `wav2lip.engine.Engine.render`. Frames are RGB uint8 of any size; a box may reach
        outside its frame. A frame that is given several times, as a still is, is encoded once per
        batch. `moving` mouths are closed first (`mouth_closing`). Without `blend` all that is drawn
        shows, to the edge of the box. Without a ninth column all of `drive` is speech.

        The `mouths` of `mouth_finder`, which show teeth, are moved in layers (`layered_mouth`), by
        their weights, and all others by the renderer.
        """
        rolls = np.zeros(len(boxes)) if rolls is None else rolls
        places = np.column_stack([boxes, rolls])
        drive = self._styled(np.asarray(drive, np.float32), style)
        mouths = [None] * len(frames) if mouths is None else mouths
        plain = [i for i, found in enumerate(mouths) if found is None or found.weight < 1]
        out: dict[int, np.ndarray] = {}
        for at in range(0, len(plain), BATCH):
            now = plain[at : at + BATCH]
            shapes = drive[now, : mouth_shape.COUNT]
            drawn = self._batch([frames[i] for i in now], places[now], shapes, moving, blend)
            out |= dict(zip(now, drawn, strict=True))
        for i, found in enumerate(mouths):
            if found is None:
                continue
            lengths = (drive[i, : mouth_shape.COUNT] - self._speaker.closed) * self.unit
            # A mouth that moves by itself has no smile of its own to come from or to keep.
            speaking, smile = (1.0, 0.0) if moving else (float(drive[i, SPEAKING]), style.smile)
            layered = layered_renderer.render(frames[i], found.mouth, lengths, speaking, smile)
            out[i] = layered if found.weight == 1 else _mixed(out[i], layered, found.weight)
        return [out[i] for i in range(len(frames))]

    def _styled(self, drive: np.ndarray, style: Style) -> np.ndarray:
        """The drive (n, 9) with excursions from the closed mouth as strong as `style` has them."""
        shapes, speaking = drive[:, : mouth_shape.COUNT], drive[:, mouth_shape.COUNT :]
        if style.strength != 1:
            shapes = self._speaker.closed + style.strength * (shapes - self._speaker.closed)
        if not speaking.shape[1]:
            speaking = np.ones((len(drive), 1), np.float32)
        return np.concatenate([shapes, speaking], 1)

    @torch.inference_mode()
    def redraw(self, targets: np.ndarray, references: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """Crops, RGB uint8 (n, 96, 96, 3), of the faces of `references` in the pose of `targets`.

        `targets` and `references` are crops, too, and `drive` (n, 8 or 9) begins with the mouth
        shapes. Only the upper half of a target is used, as in training: evaluation measures by this
        how well the renderer draws what it has not seen.
        """
        pictures = torch.from_numpy(np.stack((targets, references))).to(self.device)
        target, reference = pictures.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        shapes = torch.from_numpy(drive[:, : mouth_shape.COUNT]).to(self.device)
        drawing = self._renderer(target, reference, shapes)
        lower = (drawing.result.float() + 1) * 127.5
        out = np.array(targets)
        out[:, -lower.shape[2] :] = lower.round().clamp(0, 255).permute(0, 2, 3, 1).cpu().numpy()
        return out

    @torch.inference_mode()
    def _batch(
        self,
        frames: Sequence[np.ndarray],
        places: np.ndarray,
        drive: np.ndarray,
        moving: bool,
        blend: bool,
    ) -> list[np.ndarray]:
        """The frames of one batch; `places` (n, 5) are boxes and rolls."""
        boxes, rolls = places[:, :4], places[:, 4].tolist()
        distinct: dict[tuple[Any, ...], int] = {}
        indices = [
            distinct.setdefault((id(frame), *place), len(distinct))
            for frame, place in zip(frames, places, strict=True)
        ]
        firsts = [indices.index(index) for index in range(len(distinct))]
        crops = np.stack([crop.crop(frames[i], boxes[i], roll=rolls[i]) for i in firsts])
        faces = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        shapes = torch.from_numpy(np.asarray(drive, np.float32)).to(self.device)
        faces = faces.contiguous(memory_format=torch.channels_last)
        of_face = torch.tensor(indices, device=self.device)
        mask = self._mask if blend else torch.ones_like(self._mask)
        flows, residuals = self._drawn(faces, of_face, shapes, moving, mask)
        drawn = zip(frames, boxes, flows, residuals, rolls, strict=True)
        return [paste(*each, blend=blend) for each in drawn]

    def _drawn(
        self, faces: Tensor, of_face: Tensor, shapes: Tensor, moving: bool, mask: Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flow (n, 56, 96, 2) in crop pixels and residual (n, 56, 96, 3) in levels of 255.

        Frame i shows the face `of_face[i]`; both outputs are multiplied by `mask` (56, 96).
        """
        closing = mouth_closing.closing_weight(shapes) * moving
        flow = torch.zeros((len(shapes), 2, ROWS, crop.SIZE), device=self.device)
        residual = torch.zeros((len(shapes), 3, ROWS, crop.SIZE), device=self.device)
        device_type = torch.device(self.device).type
        with torch.autocast(device_type, self._dtype, enabled=self._dtype != torch.float32):
            if (plain := closing == 0).any():
                drawing = self._redrawn(faces, of_face[plain], shapes[plain])
                flow[plain] = drawing.flow.float()
                residual[plain] = (drawing.result - drawing.warped).float()
            if (closed_first := ~plain).any():
                own = faces[of_face[closed_first]].contiguous(memory_format=torch.channels_last)
                rest = torch.from_numpy(self._speaker.closed).to(shapes)
                moved, warped, result = mouth_closing.draw(
                    self._renderer, own, shapes[closed_first], rest, closing[closed_first]
                )
                flow[closed_first], residual[closed_first] = moved, (result - warped).float()
        flow, levels = flow * mask, residual * (mask * 127.5)
        return flow.permute(0, 2, 3, 1).cpu().numpy(), levels.permute(0, 2, 3, 1).cpu().numpy()

    def _redrawn(self, faces: Tensor, of_face: Tensor, shapes: Tensor) -> Drawing:
        """The faces of the indices `of_face` (n,) in `shapes` (n, 8), each encoded once."""
        used, inverse = of_face.unique(return_inverse=True)
        pictures = faces[used].contiguous(memory_format=torch.channels_last)
        features = [each[inverse] for each in self._renderer.encode(pictures, pictures)]
        return self._renderer.draw(features, faces[of_face], shapes)


def _mixed(first: np.ndarray, second: np.ndarray, weight: float) -> np.ndarray:
    """`first` and, by `weight` 0..1, `second`."""
    return np.asarray(cv2.addWeighted(first, 1 - weight, second, weight, 0))


def _networks(
    content: Mapping[str, Any],
) -> tuple[list[nn.Module], Renderer, mouth_motion.Speaker, np.ndarray]:
    """The arguments of `CompactEngine` in a checkpoint, which stores them in half precision."""
    nets = networks_of(content)
    renderer = Renderer()
    renderer.load_state_dict(_as_float32(content["renderer"]))
    speaker = mouth_motion.Speaker(
        **{name: content["speaker"][name].numpy() for name in ("mean", "deviation", "closed")}
    )
    return nets, renderer, speaker, content["unit"].numpy()


def networks_of(content: Mapping[str, Any]) -> list[nn.Module]:
    """The ensemble of voice networks in a checkpoint, in evaluation mode."""
    nets: list[nn.Module] = []
    for name, state in zip(voice_networks(content), content["voice"], strict=True):
        net = VOICE_NETWORKS[name]()
        net.load_state_dict(_as_float32(state))
        nets.append(net.eval())
    return nets


def voice_networks(content: Mapping[str, Any]) -> list[str]:
    """The names, in VOICE_NETWORKS, of the ensemble of networks in a checkpoint.

    It says one for all of them or one for each; older files say nothing and hold voice nets.
    """
    named = content.get("voice_network", "voice_net")
    return [named] * len(content["voice"]) if isinstance(named, str) else list(named)


def _as_float32(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }


def _for_inference(network: nn.Module, device: str) -> Any:
    """A copy with its batch norms folded into the convolutions before them."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            match list(module):
                case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm, *_]:
                    module[0] = fuse_conv_bn_eval(convolution, norm)
                    module[1] = nn.Identity()
    return channels_last(network, device)
