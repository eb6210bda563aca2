"""Following faces from frame to frame by place and motion alone, as far as there is no doubt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from face_detection.detection import Box, Detection, centre, intersection, iou

# What a face may share at least with where it was expected: at 25 frames a second it moves less
# than a third of its width from one frame to the next.
FOLLOWED_IOU = 0.2
# Motion is measured over this many sightings, so that jitter is not taken for speed.
MOTION_SIGHTINGS = 5
# Faces with less than this share of their size between them may hide each other.
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
        """Where the face should be in a frame after the last, or before the first, at its speed.

        The speed is that over as many `sightings` next to the frame.
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

    A track goes on when its face is seen again at most `max_gap` frames after the last time and
    no cut lies between; `cuts` are the first frames of shots. Where one of two touching faces
    vanishes or turns up, either may be the one that is left: all tracks there end, new ones begin.
    """
    tracks: list[Track] = []
    in_sight: list[Track] = []
    for frame, faces in enumerate(detections):
        if frame in cuts:
            in_sight = []
        in_sight = [track for track in in_sight if frame - track.end <= max_gap]
        followed = _matched(frame, faces, in_sight)
        doubtful = _doubtful(frame, faces, in_sight, followed)
        in_sight = [track for track in in_sight if track not in doubtful]
        for face, track in zip(faces, followed, strict=True):
            if track is None or track in doubtful:
                track = Track()
                tracks.append(track)
                in_sight.append(track)
            track.add(frame, face)
    return tracks


def touching(a: Box, b: Box) -> bool:
    """Whether two faces come so close that one may hide the other."""
    return intersection(_grown(a), _grown(b)) > 0


def _matched(frame: int, faces: Sequence[Detection], tracks: Sequence[Track]) -> list[Track | None]:
    """For each face the track it continues, the surest pairs first; None for a new face."""
    pairs = sorted(
        (
            (_likeness(track, frame, face), i, j)
            for i, face in enumerate(faces)
            for j, track in enumerate(tracks)
        ),
        reverse=True,
    )
    chosen: dict[int, int] = {}
    for likeness, i, j in pairs:
        if likeness >= FOLLOWED_IOU and i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [tracks[chosen[i]] if i in chosen else None for i in range(len(faces))]


def _doubtful(
    frame: int,
    faces: Sequence[Detection],
    tracks: Sequence[Track],
    followed: Sequence[Track | None],
) -> list[Track]:
    """The tracks that touch where a face is lost or a new one turns up beside another."""
    doubtful = []
    lost = [track for track in tracks if track not in followed]
    new = [face for face, track in zip(faces, followed, strict=True) if track is None]
    for face, track in zip(faces, followed, strict=True):
        if track is None:
            continue
        hidden = [each for each in lost if touching(each.expected(frame), face.box)]
        if hidden or any(touching(each.box, face.box) for each in new):
            doubtful += [track, *hidden]
    return doubtful


def _likeness(track: Track, frame: int, face: Detection) -> float:
    # A face that stops abruptly is found where it was, one that moves on where it should be.
    return max(iou(track.expected(frame), face.box), iou(track.detections[-1].box, face.box))


def _grown(box: Box) -> Box:
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * TOUCHING_MARGIN / 2, (y2 - y1) * TOUCHING_MARGIN / 2
    return x1 - dx, y1 - dy, x2 + dx, y2 + dy
