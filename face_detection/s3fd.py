"""S3FD, the face detector of Wav2Lip (Zhang et al., ICCV 2017), by way of face-alignment.

That package brings the network, the decoding of its maps and non-maximum suppression (NMS); the
weights come from our checkpoints folder, so that nothing is downloaded behind a user's back.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import checkpoints
from face_detection.box_refinement import fit
from face_detection.detection import Detection
from face_detection.detector import BOXES_VERSION, working_copy
from media.errors import NamedError

# It finds faces of some 16 pixels, so nothing needs enlarging; a megapixel takes about 760 MB.
STILL_PIXELS, VIDEO_PIXELS = 2_000_000, 500_000
# A search that is not thorough is done at half the size. A face of 32 pixels, below which
# there is no mouth to speak of (`persons.LEAST_HEIGHT`), has 16 there: the smallest anchor's side.
BRIEF_SCALE = 0.5
# Five poolings leave nothing of a smaller picture.
MIN_SIDE = 64
# Landmarks may not converge on a profile; a detection with this score is kept all the same.
TRUSTED_SCORE = 0.8


class S3fdDetector:
    """Faces of any pose, down to a few pixels. Heavy: 390 billion operations a megapixel.

    `weights` is a file with the network's state dict; by default the one in the checkpoints
    folder. Raises `NamedError` `checkpoint-missing` or `checkpoint-corrupt`.
    """

    name = "s3fd"

    def __init__(
        self,
        weights: Path | None = None,
        *,
        still: bool = False,
        device: str | None = None,
        batch_size: int | None = None,
        max_pixels: int | None = None,
    ) -> None:
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        # On a processor a larger batch gains nothing and costs memory.
        self.batch_size = batch_size or (16 if self.device.startswith("cuda") else 1)
        self.max_pixels = max_pixels or (STILL_PIXELS if still else VIDEO_PIXELS)
        path = weights or checkpoints.require("s3fd")
        dtype = _fastest_dtype(self.device)
        # face-alignment's own detector, around the same network in a quicker precision.
        self.sfd = _load(path, self.device)
        self.sfd.face_detector = _InDtype(self.sfd.face_detector, dtype)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.parameters: dict[str, str | int | float] = {
            "boxes": BOXES_VERSION,
            "max_pixels": self.max_pixels,
            "brief_scale": BRIEF_SCALE,
            "precision": str(dtype),
            "weights": digest,
        }

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        """See `Detector.detect`. Unless the search is `thorough`, faces below 32 pixels may be
        missed; rolled heads are found either way.
        """
        found = (
            faces
            for _, alike in groupby(frames, key=np.shape)
            for faces in self._find(list(alike), 1.0 if thorough else BRIEF_SCALE)
        )
        return [
            fit(frame, faces, TRUSTED_SCORE) for frame, faces in zip(frames, found, strict=True)
        ]

    def _find(self, frames: list[np.ndarray], scale: float) -> Iterator[list[Detection]]:
        """Raw boxes of frames of one size, searched at that scale or at less.

        The batch halves for good when memory runs out.
        """
        while frames:
            try:
                found = self._find_batch(frames[: self.batch_size], scale)
            except (RuntimeError, MemoryError) as error:
                if self.batch_size == 1 or not _is_out_of_memory(error):
                    raise
                self.batch_size //= 2
                continue
            yield from found
            frames = frames[len(found) :]

    def _find_batch(self, frames: list[np.ndarray], scale: float) -> list[list[Detection]]:
        copies, scales = zip(
            *(working_copy(frame, self.max_pixels, scale) for frame in frames), strict=True
        )
        pixels = np.stack([_padded(copy, MIN_SIDE) for copy in copies])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        rows = self.sfd.detect_from_batch(batch.to(self.device))
        return [
            [
                Detection(x1 / scale, y1 / scale, x2 / scale, y2 / scale, score)
                for x1, y1, x2, y2, score in np.reshape(faces, (-1, 5)).tolist()
            ]
            for faces, scale in zip(rows, scales, strict=True)
        ]


class _InDtype(torch.nn.Module):
    """The network in another precision, with float32 outputs."""

    def __init__(self, network: torch.nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.network = network.to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        pictures = pictures.to(dtype=self.dtype, memory_format=torch.channels_last)
        return [each.float() for each in self.network(pictures)]


def _load(path: Path, device: str) -> Any:
    # Takes two seconds to import, and only this detector needs it.
    from face_alignment.detection.sfd import FaceDetector

    try:
        return FaceDetector(device, path_to_detector=str(path))
    except FileNotFoundError as error:
        raise NamedError(
            "checkpoint-missing",
            f"There is no file of weights at {path}.",
            "Run `mouth fetch s3fd`, or choose the detector centerface.",
        ) from error
    except Exception as error:
        # Damaged bytes make the reader fail in any way whatever; want of memory is another matter.
        if _is_out_of_memory(error):
            raise
        raise NamedError(
            "checkpoint-corrupt",
            f"{path.name} does not hold the weights of S3FD.",
            "Delete it and run `mouth fetch s3fd`, or choose the detector centerface.",
        ) from error


def _fastest_dtype(device: str) -> torch.dtype:
    """bfloat16 where the device has it: probabilities move by up to 0.005, boxes by 0.4 pixels."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    quick = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if quick else torch.float32


def _is_out_of_memory(error: Exception) -> bool:
    # On a processor torch raises a plain RuntimeError that only its words tell apart.
    full = "allocate memory" in str(error)
    return full or isinstance(error, torch.OutOfMemoryError | MemoryError)


def _padded(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    below, right = max(side - height, 0), max(side - width, 0)
    if not below and not right:
        return picture
    return cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
