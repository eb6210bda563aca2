"""Tracking by detection: faces followed by IoU and motion as long as that is unambiguous."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from face_detection.detection import Box, Detection, centre, intersection, iou

# The least IoU of a face with its expected box: at 25 frames a second it moves less than a third
# of its width from one frame to the next.
MIN_IOU = 0.2
# Velocity is measured over this many sightings, so that jitter is not taken for speed.
MOTION_SIGHTINGS = 5
# Faces with a gap below this fraction of their size may occlude each other.
TOUCHING_MARGIN = 0.2


@dataclass(eq=False)
class Track:
    """The detections of one face while it is in sight: `frames` rise, `detections` go with them."""

    frames: list[int] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)

    def add(self, frame: int, detection: Detection) -> None:
        self.frames.append(frame)
        self.detections.append(detection)

    @property
    def start(self) -> int:
        return self.frames[0]

    @property
    def end(self) -> int:
        return self.frames[-1]

    def expected(self, frame: int, sightings: int = MOTION_SIGHTINGS) -> Box:
        """The box extrapolated to a frame after the last or before the first, at constant velocity.

        The velocity is that over the `sightings` next to the frame.
        """
        if frame > self.end:
            near, far = -1, -min(sightings + 1, len(self.frames))
        else:
            near, far = 0, min(sightings, len(self.frames) - 1)
        known, other = self.detections[near].box, self.detections[far].box
        apart = self.frames[near] - self.frames[far]
        if apart == 0:
            return known
        dx, dy = (centre(known) - centre(other)) * (frame - self.frames[near]) / apart
        return known[0] + dx, known[1] + dy, known[2] + dx, known[3] + dy


def follow(
    detections: Sequence[Sequence[Detection]], max_gap: int, cuts: Collection[int] = ()
) -> list[Track]:
    """The tracks in `detections` (one list a frame), in order of their first frame.

    A track continues when its face is found again at most `max_gap` frames after the last time and
    no cut lies between; `cuts` are the first frames of shots. Where one of two touching faces
    vanishes or appears, either may be the one that remains: all tracks there end, new ones begin,
    and `clustering` decides.
    """
    tracks: list[Track] = []
    in_sight: list[Track] = []
    for frame, faces in enumerate(detections):
        if frame in cuts:
            in_sight = []
        in_sight = [track for track in in_sight if frame - track.end <= max_gap]
        followed = _matched(frame, faces, in_sight)
        ambiguous = _ambiguous(frame, faces, in_sight, followed)
        in_sight = [track for track in in_sight if track not in ambiguous]
        for face, track in zip(faces, followed, strict=True):
            if track is None or track in ambiguous:
                track = Track()
                tracks.append(track)
                in_sight.append(track)
            track.add(frame, face)
    return tracks


def touching(a: Box, b: Box) -> bool:
    """Whether two faces are so close that one may occlude the other."""
    return intersection(_grown(a), _grown(b)) > 0


def _matched(frame: int, faces: Sequence[Detection], tracks: Sequence[Track]) -> list[Track | None]:
    """For each face the track it continues, None for a new face; greedy by IoU."""
    pairs = sorted(
        (
            (_overlap(track, frame, face), i, j)
            for i, face in enumerate(faces)
            for j, track in enumerate(tracks)
        ),
        reverse=True,
    )
    chosen: dict[int, int] = {}
    for overlap, i, j in pairs:
        if overlap >= MIN_IOU and i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [tracks[chosen[i]] if i in chosen else None for i in range(len(faces))]


def _ambiguous(
    frame: int,
    faces: Sequence[Detection],
    tracks: Sequence[Track],
    followed: Sequence[Track | None],
) -> list[Track]:
    """The tracks of touching faces where one is lost or a new one appears."""
    ambiguous = []
    lost = [track for track in tracks if track not in followed]
    new = [face for face, track in zip(faces, followed, strict=True) if track is None]
    for face, track in zip(faces, followed, strict=True):
        if track is None:
            continue
        hidden = [each for each in lost if touching(each.expected(frame), face.box)]
        if hidden or any(touching(each.box, face.box) for each in new):
            ambiguous += [track, *hidden]
    return ambiguous


def _overlap(track: Track, frame: int, face: Detection) -> float:
    # A face that stops abruptly is found where it was, one that moves on where it should be.
    return max(iou(track.expected(frame), face.box), iou(track.detections[-1].box, face.box))


def _grown(box: Box) -> Box:
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * TOUCHING_MARGIN / 2, (y2 - y1) * TOUCHING_MARGIN / 2
    return x1 - dx, y1 - dy, x2 + dx, y2 + dy
