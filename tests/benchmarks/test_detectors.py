"""Recall is counted on faces that lie where the scenes say, whole or behind something."""

from collections.abc import Sequence

import numpy as np

from benchmarks import detectors
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection


class Blind(CenterFaceDetector):
    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        return [[] for _ in frames]


def test_faces_are_where_the_scenes_say() -> None:
    photograph = detectors.portraits()[:1]
    scenes = detectors.scenes_of(photograph, height=80, roll=45)
    turned = detectors.scenes_of([detectors.turned(photograph[0], 30)], height=80)
    seeing = CenterFaceDetector()
    assert detectors.recall(seeing, scenes, thorough=False) == len(scenes)
    assert detectors.recall(seeing, turned, thorough=False) == len(turned)
    assert detectors.recall(Blind(), scenes, thorough=False) == 0
    # The nose of a photograph does not stand out: its head looks less turned than it is.
    yaws = [faces[0].yaw for picture, _ in turned for faces in seeing.detect([picture])]
    assert all(-35 < yaw < -10 for yaw in yaws) or all(10 < yaw < 35 for yaw in yaws)
