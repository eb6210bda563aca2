"""The engine around the paper's generator: for the official weights and every fine-tune of them."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from media.errors import NamedError
from wav2lip import compositing, weights
from wav2lip.audio import mel_windows
from wav2lip.engine import Frame, MouthFinder, Pads, Precision, Style
from wav2lip.inference import GeneratorBackend, best_device, fastest
from wav2lip.networks import LOWER_EXACT, LOWER_TOP, Wav2Lip

SIDE = 96  # of the square crop that the generator reads and draws
# On a CPU larger batches gain nothing.
BATCH_SIZE, DEVICE_BATCH_SIZE = 16, 64
# Faces whose encoder features are cached, for stills: 0.6 MB each.
CACHED_FACES = 8


class Wav2LipEngine:
    """Draws the lower half of each face anew at 96x96 and pastes it back (see `engine.Engine`)."""

    architecture = "wav2lip"
    mouth_finder: MouthFinder | None = None
    pads: Pads = (0, 10, 0, 0)  # the original's: its boxes end above the chin

    def __init__(
        self, generator: GeneratorBackend, name: str = "wav2lip", batch_size: int | None = None
    ) -> None:
        self.name = name
        self.device = generator.device
        self._generator = generator
        self._batch_size = batch_size or (BATCH_SIZE if self.device == "cpu" else DEVICE_BATCH_SIZE)
        self._cache: OrderedDict[bytes, list[Tensor]] = OrderedDict()
        self._cache_lock = Lock()

    @classmethod
    def from_checkpoint(
        cls,
        path: Path,
        device: str | None = None,
        batch_size: int | None = None,
        precision: Precision = "auto",
    ) -> Self:
        """The engine with the weights of a file, in any layout that `weights` reads.

        The arguments are those of `wav2lip.load`.
        Raises NamedError `checkpoint-corrupt` for weights that are not a whole generator's, and
        `openvino-missing` for the precision "int8" without that extra.
        """
        with torch.device("meta"):  # no time is spent on random numbers that the file replaces
            network = Wav2Lip()
        try:
            network.load_state_dict(weights.load_state_dict(path), assign=True)
        except RuntimeError as error:
            raise weights.corrupt(path) from error
        generator = fastest(network.float().eval(), device or best_device(), precision)
        return cls(generator, path.stem, batch_size)

    def drive(
        self, mel: NDArray[np.float32], start: int, stop: int, fps: Fraction
    ) -> NDArray[np.float32]:
        """The mel windows of the frames start..stop: (stop - start, 80, 16)."""
        return mel_windows(mel, start, stop, fps)

    def render(
        self,
        frames: Sequence[Frame],
        boxes: NDArray[np.float64],
        drive: NDArray[np.float32],
        blend: bool = True,
        rolls: NDArray[np.float64] | None = None,
        moving: bool = False,
        mouths: Sequence[Any] | None = None,
        style: Style = Style(),  # noqa: B008
    ) -> list[Frame]:
        """`frames` with the lower half of each box redrawn to fit the mel windows of `drive`.

        See `Engine.render`. `moving`, `mouths` and `style` are ignored: this network cannot be
        asked for a closed mouth, and goes by the sound alone.
        Raises NamedError `out-of-memory` when not even one face at a time can be drawn.
        """
        angles = [0.0] * len(boxes) if rolls is None else rolls.tolist()
        places = list(zip(frames, boxes, angles, strict=True))
        crops = [compositing.crop_face(frame, box, SIDE, roll) for frame, box, roll in places]
        drawn = self._draw(crops, drive, lower=blend)
        return [
            compositing.paste(frame, mouth, box, blend, roll)
            for (frame, box, roll), mouth in zip(places, drawn, strict=True)
        ]

    def _draw(
        self, faces: Sequence[Frame], mel: NDArray[np.float32], lower: bool
    ) -> Iterator[Frame]:
        """Drawn faces (96, 96, 3) one by one; the batch size is halved when memory runs out."""
        done = 0
        while done < len(faces):
            size = self._batch_size
            batch = slice(done, done + size)
            try:
                drawn = self._draw_batch(faces[batch], mel[batch], lower)
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                if size == 1:
                    raise _too_little_memory() from error
                self._batch_size = min(self._batch_size, size // 2)
                continue
            yield from drawn
            done += len(drawn)

    @torch.inference_mode()
    def _draw_batch(
        self, faces: Sequence[Frame], mel: NDArray[np.float32], lower: bool
    ) -> NDArray[np.uint8]:
        features = self._encode(faces)
        drawn = self._generator.draw(torch.from_numpy(mel)[:, None], features, lower)
        levels = (255 * drawn).round().clamp(0, 255).to(torch.uint8)
        pictures = levels.permute(0, 2, 3, 1).flip(-1).cpu().numpy()
        if not lower:
            return pictures
        whole = np.stack(faces)
        whole[:, LOWER_EXACT:] = pictures[:, LOWER_EXACT - LOWER_TOP :]
        return whole

    def _encode(self, faces: Sequence[Frame]) -> list[Tensor]:
        """The encoder's features of the faces; those of a still are cached."""
        key = faces[0].tobytes()
        if any(face.tobytes() != key for face in faces[1:]):
            return self._generator.encode(_inputs(faces))
        with self._cache_lock:
            if key not in self._cache:
                self._cache[key] = self._generator.encode(_inputs(faces[:1]))
                if len(self._cache) > CACHED_FACES:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(key)
            features = self._cache[key]
        return [each[[0] * len(faces)] for each in features]


def _inputs(faces: Sequence[Frame]) -> Tensor:
    """(n, 6, 96, 96) in 0..1: each face without its lower half, and whole."""
    # The original read and wrote BGR, and so its weights see and draw BGR.
    reference = torch.from_numpy(np.stack(faces)).flip(-1).permute(0, 3, 1, 2) / 255
    masked = reference.clone()
    masked[:, :, SIDE // 2 :] = 0
    return torch.cat((masked, reference), dim=1)


def _out_of_memory(error: Exception) -> bool:
    # On the CPU and on Apple's GPUs torch has no error of its own for this: only words.
    told = any(words in str(error) for words in ("DefaultCPUAllocator", "out of memory"))
    return told or isinstance(error, torch.OutOfMemoryError | MemoryError)


def _too_little_memory() -> NamedError:
    return NamedError(
        "out-of-memory",
        "There is not enough memory to draw a single face.",
        "Close other programs, or run the engine on the CPU.",
    )
