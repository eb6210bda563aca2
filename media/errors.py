"""Errors a user can meet: each has a stable code, a message, and a remedy."""

from pathlib import Path


class NamedError(Exception):
    """A failure to be shown to a user, the same on a page, in the API and on the command line.

    `code` is a stable kebab-case name, `message` says what is wrong, `remedy` what to do next.
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(code, message, remedy)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def as_text(self) -> str:
        """As a terminal shows it: the code first, to be searched for in docs/errors.md."""
        return f"{self.code}: {self.message}\n{self.remedy}"

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class MediaError(NamedError):
    """Something is wrong with a picture, a video or a sound."""


def unreadable(what: str = "This file") -> MediaError:
    return MediaError(
        "unreadable-media",
        f"{what} cannot be read: it is empty, cut short, or not what its name says.",
        "See whether it plays on your own machine, then export it again or choose another file.",
    )


def unsupported() -> MediaError:
    return MediaError(
        "unsupported-type",
        "This kind of file is not supported.",
        "Faces: JPEG, PNG, WebP, HEIC, AVIF, GIF, MP4, MOV, WebM, MKV, AVI, MXF, MPEG or M2TS. "
        "Voices: WAV, MP3, M4A, FLAC, OGG, Opus, AIFF, CAF, WMA, AMR, or a video with sound.",
    )


def size_changes(first: tuple[int, int], later: tuple[int, int]) -> MediaError:
    """What to raise for a video whose pictures are not of one size (width, height)."""
    return MediaError(
        "size-changes",
        "The size of the picture changes on the way, from {} x {} to {} x {} pixels.".format(
            *first, *later
        ),
        "Convert it to an MP4 of one size, or cut it where the size changes.",
    )


def too_demanding() -> MediaError:
    return MediaError(
        "too-demanding",
        "This file is damaged, or looking into it takes more time or memory than is allowed.",
        "Convert it to an ordinary MP4, JPEG or WAV file, and send that.",
    )


def no_audio_track() -> MediaError:
    return MediaError(
        "no-audio-track",
        "This video has no sound track.",
        "Choose a file with sound in it as the voice.",
    )


def not_a_voice() -> MediaError:
    return MediaError(
        "not-a-voice",
        "A picture was given as the voice.",
        "Choose a sound file, or a video with sound, as the voice.",
    )


def not_a_face_file() -> MediaError:
    return MediaError(
        "not-a-face-file",
        "A sound was given as the face.",
        "Choose a picture or a video that shows a face.",
    )


def already_running(folder: Path) -> NamedError:
    """What to raise where another process writes to a folder, of clips or of a training."""
    return NamedError(
        "already-running",
        f"Another run is at work in {folder}.",
        "Wait for its end, or choose another folder.",
    )
