"""The published algorithm, implemented plainly: the reference of the benchmarks.

    python -m benchmarks.reference FACE VOICE OUT --weights FILE --boxes FILE [--s3fd FILE]

Single precision, all frames in memory, faces detected in every frame at full size, the whole box
pasted back, and a process that loads everything for one request, as the inference script of the
paper does (Prajwal et al., ACM Multimedia 2020). Published weights of the detector are not needed:
boxes are given, and detection with random weights takes the same time.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import librosa
import numpy as np
import torch
from face_alignment.detection.sfd import FaceDetector

from benchmarks.material import FPS
from media.pictures import read_picture
from media.sound import read_sound
from media.video import VideoWriter, read_frames
from wav2lip.networks import Wav2Lip

BATCH = 128  # faces rendered at once
Frames = Sequence[np.ndarray]


def render(
    frames: Frames, boxes: Sequence[Sequence[float]], windows: np.ndarray, network: Wav2Lip
) -> list[np.ndarray]:
    """Each frame with its whole box replaced by the face that `network` renders for its mel window.

    `windows` (n, 80, 16); frames and boxes are repeated until there are n.
    """
    out = []
    for at in range(0, len(windows), BATCH):
        crops = []
        for n in range(at, min(at + BATCH, len(windows))):
            x1, y1, x2, y2 = (round(side) for side in boxes[n % len(boxes)])
            crops.append(cv2.resize(frames[n % len(frames)][y1:y2, x1:x2, ::-1], (96, 96)))
        whole = np.array(crops)
        masked = whole.copy()
        masked[:, 48:] = 0
        faces = torch.from_numpy(np.concatenate([masked, whole], axis=3) / 255.0)
        mel = torch.from_numpy(windows[at : at + BATCH, None])
        with torch.no_grad():
            drawn = network(mel.float(), faces.permute(0, 3, 1, 2).float())
        for n, face in enumerate(drawn.permute(0, 2, 3, 1).numpy() * 255.0, start=at):
            x1, y1, x2, y2 = (round(side) for side in boxes[n % len(boxes)])
            frame = frames[n % len(frames)].copy()
            levels = np.rint(face).astype(np.uint8)
            frame[y1:y2, x1:x2] = cv2.resize(levels, (x2 - x1, y2 - y1))[..., ::-1]
            out.append(frame)
    return out


def mel_windows(voice: Path) -> np.ndarray:
    """The mel window of each frame, (n, 80, 16): log-mel in -4..4, after pre-emphasis, 16 kHz."""
    sound, rate = read_sound(voice, 16_000), 16_000
    emphasised = np.append(sound[0], sound[1:] - 0.97 * sound[:-1])
    spectrum = np.abs(librosa.stft(emphasised, n_fft=800, hop_length=200, pad_mode="constant"))
    filters = librosa.filters.mel(sr=rate, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    decibel = 20 * np.log10(np.maximum(1e-5, filters @ spectrum)) - 20
    mel = np.clip(8 * (decibel + 100) / 100 - 4, -4, 4)
    starts = [int(80 * n / FPS) for n in range(round(len(sound) / rate * FPS))]
    padded = np.pad(mel, ((0, 0), (0, 16)), constant_values=-4)
    return np.stack([padded[:, start : start + 16] for start in starts])


def search(frames: Frames, weights: Path) -> None:
    """Detect faces in every frame, one by one, at full size."""
    detector = FaceDetector("cpu", path_to_detector=str(weights))
    for frame in frames:
        detector.detect_from_batch(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None])


def load(weights: Path) -> Wav2Lip:
    """The generator in single precision."""
    network = Wav2Lip()
    network.load_state_dict(torch.load(weights, weights_only=True)["state_dict"])
    return network.eval()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("face", type=Path)
    options.add_argument("voice", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--s3fd", type=Path, help="search with these weights")
    options.add_argument("--boxes", type=Path, required=True, help="JSON: a box for each frame")
    chosen = options.parse_args()
    is_still = chosen.face.suffix == ".png"
    frames = [read_picture(chosen.face)] if is_still else list(read_frames(chosen.face))
    windows = mel_windows(chosen.voice)
    if chosen.s3fd:
        search(frames, chosen.s3fd)
    boxes = json.loads(chosen.boxes.read_text())
    drawn = render(frames, boxes, windows, load(chosen.weights))
    height, width = frames[0].shape[:2]
    with VideoWriter(chosen.out, width, height, FPS) as writer:
        for frame in drawn:
            writer.write(frame)


if __name__ == "__main__":
    main()
