"""Following faces from frame to frame by place and motion alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from face_detection.detection import Box, Detection, iou

# What a face may share at least with where it was expected: at 25 frames a second it moves less
# than a third of its width from one frame to the next.
FOLLOWED_IOU = 0.2
# Motion is measured over this many sightings, so that jitter is not taken for speed.
MOTION_SIGHTINGS = 5


@dataclass
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

    def expected(self, frame: int) -> Box:
        """Where the face should be in a frame soon after the last, if it keeps its speed."""
        last = self.detections[-1].box
        first = max(len(self.frames) - MOTION_SIGHTINGS, 0)
        frames_ago = self.end - self.frames[first]
        if frames_ago == 0:
            return last
        moved = _centre(last) - _centre(self.detections[first].box)
        dx, dy = moved * (frame - self.end) / frames_ago
        return last[0] + dx, last[1] + dy, last[2] + dx, last[3] + dy


def follow(detections: Sequence[Sequence[Detection]], max_gap: int) -> list[Track]:
    """The tracks in `detections` (one list a frame), in order of their first frame.

    A track goes on when its face is seen again at most `max_gap` frames after the last time.
    """
    tracks: list[Track] = []
    in_sight: list[Track] = []
    for frame, faces in enumerate(detections):
        in_sight = [track for track in in_sight if frame - track.end <= max_gap]
        for face, track in _matched(frame, faces, in_sight):
            if track is None:
                track = Track()
                tracks.append(track)
                in_sight.append(track)
            track.add(frame, face)
    return tracks


def _matched(
    frame: int, faces: Sequence[Detection], tracks: Sequence[Track]
) -> list[tuple[Detection, Track | None]]:
    """Each face with the track it continues, the surest pairs first; None for a new face."""
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
    return [(face, tracks[chosen[i]] if i in chosen else None) for i, face in enumerate(faces)]


def _likeness(track: Track, frame: int, face: Detection) -> float:
    # A face that stops abruptly is found where it was, one that moves on where it should be.
    return max(iou(track.expected(frame), face.box), iou(track.detections[-1].box, face.box))


def _centre(box: Box) -> np.ndarray:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
