"""The registry of face detectors: which there are, and which one is used by default."""

import checkpoints
from face_detection.centerface import CenterFaceDetector
from face_detection.detector import Detector
from face_detection.stride import LONG_STRIDE, STRIDE, Strided

__all__ = ["Detector", "default_detector", "load_detector"]


def load_detector(
    name: str | None = None, *, still: bool = False, batch_size: int | None = None
) -> Detector:
    """The detector called `name`, "s3fd" or "centerface", ready to use; by default the best here.

    For a `still` every frame is searched, and for smaller faces. For a video only one frame in a
    stride is searched, and the faces are followed through the others (`stride.Strided`).
    `batch_size` is the number of frames that S3FD searches at once. Raises `NamedError`
    `checkpoint-missing` or `checkpoint-corrupt` for S3FD's weights, ValueError for another name.
    """
    detector = _search_detector(name or default_detector(), still, batch_size)
    if still:
        return detector
    return Strided(detector, LONG_STRIDE if detector.name == "s3fd" else STRIDE)


def default_detector() -> str:
    """The name of the best detector: "s3fd" where its weights are present, else "centerface"."""
    return "s3fd" if checkpoints.get("s3fd").present else "centerface"


def _search_detector(name: str, still: bool, batch_size: int | None) -> Detector:
    """The detector that searches each frame it is given."""
    if name == "centerface":
        return CenterFaceDetector(still=still)
    if name == "s3fd":
        # torch takes seconds to import, and only this detector needs it.
        from face_detection.s3fd import S3fdDetector

        return S3fdDetector(still=still, batch_size=batch_size)
    raise ValueError(f"there is no face detector called {name!r}: use 's3fd' or 'centerface'")
