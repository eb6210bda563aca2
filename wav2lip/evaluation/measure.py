"""What is measured of a clip in one condition, from its frames and its sound alone."""

import numpy as np

from face_detection.landmarks import landmarks_in_fitted
from wav2lip.compact import mouth_shape
from wav2lip.evaluation import image_metrics
from wav2lip.evaluation.conditions import UNTITLED, Condition
from wav2lip.evaluation.expert import Expert
from wav2lip.evaluation.footage import Face, Footage, face_embedding, smooth_landmarks
from wav2lip.evaluation.foreign_colour import foreign_colour

# An embedding takes 60 ms, twenty times as long as all else of a frame: a sample of frames.
IDENTITY_SAMPLES = 2

# Arrays by "<condition> <measurement>"; what each holds is said where it is made, here and in
# `reconstruction`. `metrics` turns them into the lines of the table.
Measurements = dict[str, np.ndarray]


def measure_condition(
    condition: Condition, clip: Footage, experts: list[Expert], other_voice: np.ndarray
) -> Measurements:
    """Render a condition and measure it; arrays of n frames are in the order of the clip.

    `other_voice` (m,) float32 at 16 kHz is what the video of the condition `video_other` is heard
    with as well, under the name `video_given`. Beside what `FrameMeter.measurements` returns there
    is `speed` (2,): frames rendered, and seconds of processor time that they took.
    """
    meter = FrameMeter(clip, [] if condition.name in UNTITLED else experts)
    for rendered in condition.frames():
        meter.add(*rendered)
    measurements = meter.measurements(condition.name)
    measurements[f"{condition.name} speed"] = np.array(
        [len(condition.drive), condition.cpu_seconds]
    )
    if condition.name == "video_other":
        measurements |= meter.sync_distances("video_given", other_voice)
    return measurements


def measure_real(clip: Footage, experts: list[Expert]) -> Measurements:
    """Measure the real clip, as `measure_condition` does a rendered one.

    Identity distances are to the frame that the still conditions start from. `start sharpness`
    (1,) is that frame's.
    """
    (still,) = clip.frames_at([clip.closed_frame])
    face = clip.faces[clip.closed_frame]
    meter = FrameMeter(clip, experts, identity=face_embedding(still, face))
    for frame, frame_face in zip(clip.frames(), clip.faces, strict=True):
        meter.add(frame, frame, frame_face)
    mouth = image_metrics.pixel_region(face.box, clip.lip_region, still)
    start = {"start sharpness": np.array([image_metrics.sharpness(still[mouth])])}
    return start | meter.measurements("real")


class FrameMeter:
    """Measures the frames of one condition, one after the other; holds no frames but face crops."""

    def __init__(
        self, clip: Footage, experts: list[Expert], identity: np.ndarray | None = None
    ) -> None:
        """With an `identity` (128,) distances are to it, else to that of each source frame."""
        self._clip = clip
        self._experts = experts
        self._fixed_identity = identity
        self._landmarks: list[np.ndarray] = []
        self._sharpness: list[float] = []
        self._inside: list[float] = []
        self._foreign: list[float] = []
        self._outside: list[float] = []
        self._identity: list[float] = []
        self._crops: list[list[np.ndarray]] = [[] for _ in experts]
        samples = np.linspace(0, len(clip) - 1, IDENTITY_SAMPLES + 2)[1:-1]
        self._identity_frames = set(samples.astype(int).tolist())
        self._last_source: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, frame: np.ndarray, source: np.ndarray, face: Face) -> None:
        """Measure the next frame, rendered from the frame `source`: both RGB uint8 (h, w, 3)."""
        mouth = image_metrics.pixel_region(face.box, self._clip.lip_region, frame)
        if len(self._landmarks) in self._identity_frames:
            difference = face_embedding(frame, face) - self._source_identity(source, face)
            self._identity.append(float(np.linalg.norm(difference)))
        self._landmarks.append(landmarks_in_fitted(frame, tuple(face.box), face.roll))
        self._sharpness.append(image_metrics.sharpness(frame[mouth]))
        inner_lips = self._landmarks[-1][60:68]
        self._inside.append(image_metrics.sharpness_inside(frame, inner_lips))
        self._foreign.append(foreign_colour(frame[mouth], self._clip.chroma))
        self._outside.append(image_metrics.change_outside_mouth(frame, source, face))
        for crops, expert in zip(self._crops, self._experts, strict=True):
            crops.append(expert.crop(frame, face))

    def measurements(self, condition: str) -> Measurements:
        """What was measured of the n frames so far.

        `opening` (n,): the inner opening of the mouth in units of the face (mouth_shape);
        `sharpness` (n,) of the lips: variance of the Laplacian; `inside` (n,): that between open
        lips, NaN for closed ones; `foreign` (n,): the percentage of foreign colour; `outside`
        (n,): mean change outside the mouth, in levels of 255; `identity` (IDENTITY_SAMPLES,):
        distances of embeddings; and what `sync_distances` returns for the clip's own sound.
        """
        lengths = mouth_shape.measure(smooth_landmarks(np.stack(self._landmarks)))
        measured = {
            "opening": lengths[:, mouth_shape.OPENING],
            "sharpness": np.array(self._sharpness),
            "inside": np.array(self._inside),
            "foreign": np.array(self._foreign),
            "outside": np.array(self._outside),
            "identity": np.array(self._identity),
        }
        named = {f"{condition} {name}": values for name, values in measured.items()}
        return named | self.sync_distances(condition, self._clip.samples)

    def sync_distances(self, condition: str, samples: np.ndarray) -> Measurements:
        """`distances <expert>` (n - 4, 31) of these mouths to a voice that starts with them.

        `samples` (m,) float32 at 16 kHz; see `expert.Expert.distances`.
        """
        return {
            f"{condition} distances {expert.name}": expert.distances(np.stack(crops), samples)
            for expert, crops in zip(self._experts, self._crops, strict=True)
        }

    def _source_identity(self, source: np.ndarray, face: Face) -> np.ndarray:
        if self._fixed_identity is not None:
            return self._fixed_identity
        if self._last_source is None or self._last_source[0] is not source:  # a still: only once
            self._last_source = source, face_embedding(source, face)
        return self._last_source[1]
