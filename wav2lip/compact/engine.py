"""The compact engine: a voice drives mouth shapes, and a mouth shape redraws a face."""

import copy
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wav2lip import weights
from wav2lip.compact import crop, mouth_closing, mouth_motion
from wav2lip.compact.paste_back import paste
from wav2lip.compact.renderer import ROWS, Drawing, Renderer, mouth_and_jaw
from wav2lip.compact.voice_net import VoiceNet
from wav2lip.engine import Precision
from wav2lip.inference import best_device, channels_last, working_dtype

BATCH = 16


class CompactEngine:
    """An engine (wav2lip.engine.Engine) on the weights that ship with this project."""

    name = "compact"
    architecture = "compact"
    pads = (0, 0, 0, 0)

    def __init__(
        self,
        nets: list[nn.Module],
        renderer: Renderer,
        speaker: mouth_motion.Speaker,
        unit: np.ndarray,
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.unit = unit  # (8,) what one unit of each mouth shape is as a raw length
        self.device = device or best_device()
        self._nets = [_for_inference(net, "cpu") for net in nets]
        self._renderer = _for_inference(renderer, self.device)
        self._speaker = speaker
        self._kept = mouth_and_jaw().to(self.device)
        self._dtype = working_dtype(self.device, precision)

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, device: str | None = None, precision: Precision = "auto"
    ) -> "CompactEngine":
        """The engine of a file that `wav2lip.training.export` wrote.

        Raises NamedError `checkpoint-corrupt` for any other file.
        """
        content = weights.read(Path(path))
        try:
            return cls(*_networks(content), device=device, precision=precision)
        except (KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise weights.corrupt(Path(path)) from error

    def drive(self, mel: np.ndarray, start: int, stop: int, fps: Fraction) -> np.ndarray:
        """Mouth shapes (stop - start, 8) of result frames start..stop; see driving.drive."""
        return mouth_motion.drive(self._nets, self._speaker, mel, start, stop, fps)

    def render(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray,
        drive: np.ndarray,
        blend: bool = True,
        rolls: np.ndarray | None = None,
        moving: bool = False,
    ) -> list[np.ndarray]:
        """New frames with the mouth inside `boxes` (n, 4) in the shapes `drive` (n, 8).

        Frames are RGB uint8 of any size. A box may reach outside its frame, and is turned by its
        `rolls` (n,) degrees. A frame that is given again and again, as a still is, is looked at
        once per batch. `moving` mouths are settled first, see `compact.settling`. Without `blend`
        all that was drawn shows, to the edge of the box.
        """
        out: list[np.ndarray] = []
        places = np.column_stack([boxes, np.zeros(len(boxes)) if rolls is None else rolls])
        for at in range(0, len(frames), BATCH):
            batch = slice(at, at + BATCH)
            out += self._batch(frames[batch], places[batch], drive[batch], moving, blend)
        return out

    @torch.inference_mode()
    def redraw(self, targets: np.ndarray, references: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """Crops (n, 96, 96, 3) of the faces in `references` in the pose of those in `targets`.

        Of a target only the upper half is looked at, as in training: it tells how well the renderer
        draws what it cannot see. `drive` (n, 8) are the shapes of the mouths.
        """
        given = torch.from_numpy(np.stack((targets, references))).to(self.device)
        target, reference = given.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        drawing = self._renderer(target, reference, torch.from_numpy(drive).to(self.device))
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
        """`places` (n, 5) are boxes and rolls."""
        boxes, rolls = places[:, :4], places[:, 4].tolist()
        looks: dict[tuple[Any, ...], int] = {}
        which = [
            looks.setdefault((id(frame), *place), len(looks))
            for frame, place in zip(frames, places, strict=True)
        ]
        distinct = [which.index(look) for look in range(len(looks))]
        crops = np.stack([crop.crop(frames[i], boxes[i], roll=rolls[i]) for i in distinct])
        faces = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        shapes = torch.from_numpy(np.asarray(drive, np.float32)).to(self.device)
        faces = faces.contiguous(memory_format=torch.channels_last)
        look = torch.tensor(which, device=self.device)
        kept = self._kept if blend else torch.ones_like(self._kept)
        flows, painted = self._drawn(faces, look, shapes, moving, kept)
        drawn = zip(frames, boxes, flows, painted, rolls, strict=True)
        return [paste(*each, blend=blend) for each in drawn]

    def _drawn(
        self, faces: Tensor, which: Tensor, shapes: Tensor, moving: bool, kept: Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flow (n, 56, 96, 2) in crop pixels and painting (n, 56, 96, 3) in levels of 255.

        Of both the share `kept` (56, 96).
        """
        shares = mouth_closing.share(shapes) * moving
        flow = torch.zeros((len(shapes), 2, ROWS, crop.SIZE), device=self.device)
        painted = torch.zeros((len(shapes), 3, ROWS, crop.SIZE), device=self.device)
        device_type = torch.device(self.device).type
        with torch.autocast(device_type, self._dtype, enabled=self._dtype != torch.float32):
            if (plain := shares == 0).any():
                drawing = self._redrawn(faces, which[plain], shapes[plain])
                flow[plain] = drawing.flow.float()
                painted[plain] = (drawing.result - drawing.warped).float()
            if (restless := ~plain).any():
                own = faces[which[restless]].contiguous(memory_format=torch.channels_last)
                closed = torch.from_numpy(self._speaker.closed).to(shapes)
                moved, warped, result = mouth_closing.draw(
                    self._renderer, own, shapes[restless], closed, shares[restless]
                )
                flow[restless], painted[restless] = moved, (result - warped).float()
        flow, levels = flow * kept, painted * (kept * 127.5)
        return flow.permute(0, 2, 3, 1).cpu().numpy(), levels.permute(0, 2, 3, 1).cpu().numpy()

    def _redrawn(self, faces: Tensor, which: Tensor, shapes: Tensor) -> Drawing:
        """The faces of those indices in `shapes`, each looked at once."""
        looks, again = which.unique(return_inverse=True)
        seen = faces[looks].contiguous(memory_format=torch.channels_last)
        features = [known[again] for known in self._renderer.encode(seen, seen)]
        return self._renderer.draw(features, faces[which], shapes)


def _networks(
    content: Mapping[str, Any],
) -> tuple[list[nn.Module], Renderer, mouth_motion.Speaker, np.ndarray]:
    """What a checkpoint holds; its numbers are stored in half precision."""
    nets: list[nn.Module] = []
    for state in content["voice"]:
        net = VoiceNet()
        net.load_state_dict(_in_full(state))
        nets.append(net)
    renderer = Renderer()
    renderer.load_state_dict(_in_full(content["renderer"]))
    speaker = mouth_motion.Speaker(
        **{name: content["speaker"][name].numpy() for name in ("mean", "deviation", "closed")}
    )
    return nets, renderer, speaker, content["unit"].numpy()


def _in_full(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
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
