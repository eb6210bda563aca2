"""What can be wrong with the faces in a source, said so that a user knows what to do next."""

from media.errors import NamedError


class FaceError(NamedError):
    """There is no face to work on."""


def no_face_found() -> FaceError:
    return FaceError(
        "no-face-found",
        "No face was found in this picture or video.",
        "Use one in which a face is large, well lit and turned towards the camera.",
    )


def face_too_small(height: float, least: int) -> FaceError:
    return FaceError(
        "face-too-small",
        f"The largest face is only {height:.0f} pixels high; at least {least} are needed.",
        "Use a larger version of the picture or video, or one taken from nearer.",
    )
