"""Looking at a take as anybody could who has only the result: numbers, so that they can be kept."""

import numpy as np

from face_detection.landmarks import landmarks_in_fitted
from wav2lip.compact import mouth_shape
from wav2lip.evaluation import image_metrics
from wav2lip.evaluation.conditions import Take
from wav2lip.evaluation.expert import Expert
from wav2lip.evaluation.footage import Face, Footage, steadied, who

# An embedding takes 60 ms, twenty times a frame; so many looks at a clip are enough.
IDENTITY_LOOKS = 2

Score = dict[str, np.ndarray]  # measures by name, "take measure"


def measured(take: Take, clip: Footage, experts: list[Expert], other: np.ndarray) -> Score:
    """What a take shows. A video with another voice is judged by that voice, `other`, as well."""
    meter = Meter(clip, [] if take.name == "pause" else experts)
    for made in take.frames():
        meter.look(*made)
    score = meter.score(take.name)
    score[f"{take.name} speed"] = np.array([len(take.drive), take.seconds])
    if take.name == "video_other":
        score |= meter.heard("video_given", other)
    return score


def measured_real(clip: Footage, experts: list[Expert]) -> Score:
    """What the real clip shows; who is on it is held against the still that others start from."""
    (still,) = clip.frames_at([clip.still])
    meter = Meter(clip, experts, identity=who(still, clip.faces[clip.still]))
    for frame, face in zip(clip.frames(), clip.faces, strict=True):
        meter.look(frame, frame, face)
    mouth = image_metrics.region(clip.faces[clip.still].box, clip.mouth, still)
    unmoved = {"unmoved sharpness": np.array([image_metrics.sharpness(still[mouth])])}
    return unmoved | meter.score("real")


class Meter:
    """Looks at the frames of one take one after the other."""

    def __init__(
        self, clip: Footage, experts: list[Expert], identity: np.ndarray | None = None
    ) -> None:
        """`identity` is to be held against, instead of that of each frame's source."""
        self._clip = clip
        self._experts = experts
        self._fixed = identity
        self._points: list[np.ndarray] = []
        self._sharpness: list[float] = []
        self._outside: list[float] = []
        self._identity: list[float] = []
        self._faces: list[list[np.ndarray]] = [[] for _ in experts]
        looks = np.linspace(0, len(clip) - 1, IDENTITY_LOOKS + 2)[1:-1]
        self._looks = set(looks.astype(int).tolist())
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def look(self, made: np.ndarray, source: np.ndarray, face: Face) -> None:
        """Measure the next frame, made from the frame `source`."""
        mouth = image_metrics.region(face.box, self._clip.mouth, made)
        if len(self._points) in self._looks:
            apart = who(made, face) - self._identity_of(source, face)
            self._identity.append(float(np.linalg.norm(apart)))
        self._points.append(landmarks_in_fitted(made, tuple(face.box), face.roll))
        self._sharpness.append(image_metrics.sharpness(made[mouth]))
        self._outside.append(image_metrics.change_outside(made, source, face))
        for faces, expert in zip(self._faces, self._experts, strict=True):
            faces.append(expert.crop(made, face))

    def score(self, take: str) -> Score:
        raw = mouth_shape.measure(steadied(np.stack(self._points)))
        measures = {
            "opening": raw[:, mouth_shape.OPENING],
            "sharpness": np.array(self._sharpness),
            "outside": np.array(self._outside),
            "identity": np.array(self._identity),
        }
        score = {f"{take} {name}": values for name, values in measures.items()}
        return score | self.heard(take, self._clip.samples)

    def heard(self, take: str, samples: np.ndarray) -> Score:
        """How far the experts find these mouths from a voice, which begins with them."""
        return {
            f"{take} distances {expert.name}": expert.distances(np.stack(faces), samples)
            for expert, faces in zip(self._experts, self._faces, strict=True)
        }

    def _identity_of(self, source: np.ndarray, face: Face) -> np.ndarray:
        if self._fixed is not None:
            return self._fixed
        if self._last is None or self._last[0] is not source:  # a still is looked at once
            self._last = source, who(source, face)
        return self._last[1]
