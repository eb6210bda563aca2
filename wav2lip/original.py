"""The engine around the paper's generator: for the official weights and every fine-tune of them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from media.errors import NamedError
from wav2lip import compositing, precision, weights
from wav2lip.audio import mel_windows
from wav2lip.engine import Frame, Pads
from wav2lip.networks import Wav2Lip

SIDE = 96  # of the square picture that the generator sees and draws
BATCH_SIZE = 16


class Wav2LipEngine:
    """Draws the lower half of each face anew at 96x96 and pastes it back (see `engine.Engine`)."""

    architecture = "wav2lip"
    pads: Pads = (0, 10, 0, 0)  # the original's: its boxes end above the chin

    def __init__(
        self,
        network: nn.Module,
        name: str = "wav2lip",
        device: str = "cpu",
        batch_size: int | None = None,
    ) -> None:
        """`network` is called with mel (n, 1, 80, 16) and faces (n, 6, 96, 96), see networks."""
        self.name = name
        self.device = device
        self._network = network
        self._batch_size = batch_size or BATCH_SIZE

    @classmethod
    def from_checkpoint(
        cls, path: Path, device: str | None = None, batch_size: int | None = None
    ) -> Self:
        """The engine with the weights of a file, in any layout that `weights` reads.

        Raises NamedError `checkpoint-corrupt` for weights that are not a whole generator's.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        with torch.device("meta"):  # no time is spent on random numbers that the file replaces
            network = Wav2Lip()
        try:
            network.load_state_dict(weights.load_state_dict(path), assign=True)
        except RuntimeError as error:
            raise weights.corrupt(path) from error
        return cls(precision.fastest(network.float().eval(), device), path.stem, device, batch_size)

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
    ) -> list[Frame]:
        """`frames` with the lower half of each box drawn to fit the windows of `drive`.

        Raises NamedError `out-of-memory` when not even one face at a time can be drawn.
        """
        crops = [_crop(frame, box) for frame, box in zip(frames, boxes, strict=True)]
        mouths = self._draw(np.stack(crops), drive) if crops else iter(())
        return [
            compositing.paste(frame, mouth, box, blend)
            for frame, mouth, box in zip(frames, mouths, boxes, strict=True)
        ]

    def _draw(self, faces: NDArray[np.uint8], mel: NDArray[np.float32]) -> Iterator[Frame]:
        """Drawn faces (96, 96, 3) one by one, made in batches that halve when memory runs out."""
        done = 0
        while done < len(faces):
            batch = slice(done, done + self._batch_size)
            try:
                drawn = self._draw_batch(faces[batch], mel[batch])
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                if self._batch_size == 1:
                    raise _too_little_memory() from error
                self._batch_size //= 2
                continue
            yield from drawn
            done += len(drawn)

    @torch.inference_mode()
    def _draw_batch(self, faces: NDArray[np.uint8], mel: NDArray[np.float32]) -> NDArray[np.uint8]:
        # The original read and wrote BGR, and so its weights see and draw BGR.
        reference = torch.from_numpy(faces).flip(-1).permute(0, 3, 1, 2) / 255
        masked = reference.clone()
        masked[:, :, SIDE // 2 :] = 0
        inputs = torch.cat((masked, reference), dim=1)
        drawn = precision.draw(self._network, torch.from_numpy(mel)[:, None], inputs)
        levels = (255 * drawn).round().clamp(0, 255).to(torch.uint8)
        return levels.permute(0, 2, 3, 1).flip(-1).cpu().numpy()


def _crop(frame: Frame, box: NDArray[np.float64]) -> Frame:
    """The box as the generator wants it: 96x96, black where the box holds no pixel."""
    x1, y1, x2, y2 = compositing.pixels(box, frame)
    if x1 >= x2 or y1 >= y2:
        return np.zeros((SIDE, SIDE, 3), np.uint8)
    crop = cv2.resize(frame[y1:y2, x1:x2], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(crop, dtype=np.uint8)


def _out_of_memory(error: Exception) -> bool:
    # On the CPU torch has no error of its own for this: only the words of the allocator.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "DefaultCPUAllocator" in str(error)
    )


def _too_little_memory() -> NamedError:
    return NamedError(
        "out-of-memory",
        "There is not enough memory to draw a single face.",
        "Close other programs, or run the engine on the CPU.",
    )
