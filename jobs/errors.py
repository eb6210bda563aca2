"""What can be wrong with a request for a job, or with a job as it runs."""

import errno
from collections.abc import Iterable

from media.errors import NamedError


def not_found(what: str) -> NamedError:
    return NamedError(
        "not-found", f"There is no such {what}.", "It may have been deleted; check the address."
    )


def no_such_person(number: int, known: Iterable[int]) -> NamedError:
    numbers = ", ".join(map(str, known))
    return NamedError(
        "no-such-person",
        f"Person {number} was not found in the picture.",
        f"Choose one of these: {numbers}." if numbers else "Choose another picture or video.",
    )


def no_person_at(x: float, y: float, known: Iterable[int]) -> NamedError:
    """The same code: this too is answered by choosing again."""
    numbers = ", ".join(map(str, known))
    return NamedError(
        "no-such-person",
        f"Nobody was found at the point {x:g}, {y:g}.",
        f"Point at a face, or choose one of these persons: {numbers}.",
    )


def not_shown(seconds: float) -> NamedError:
    """The same code again: only the part of the source that the result shows is searched."""
    return NamedError(
        "no-such-person",
        f"Only the first {round(seconds, 2):g} seconds are shown, and the point lies after them.",
        "Point at a face in them, or show the whole video: choose the sync mode silence.",
    )


def no_voice() -> NamedError:
    return NamedError("no-voice", "The job has no voice.", "Give at least one sound file.")


def too_many_voices(most: int) -> NamedError:
    return NamedError(
        "too-many-voices",
        f"A job has at most {most} voices.",
        "Join sounds of the same person into one file, or continue with the finished video.",
    )


def wrong_state(state: str, what: str) -> NamedError:
    return NamedError(
        "not-now",
        f"A job that is {state} cannot be {what}.",
        "Reload the page to see how the job stands.",
    )


def result_too_long(seconds: int) -> NamedError:
    return NamedError(
        "too-long",
        f"The result would be longer than {seconds} seconds.",
        "Use a shorter voice, or raise MAX_SECONDS.",
    )


def too_large(most: int) -> NamedError:
    return NamedError(
        "too-large",
        f"This is more than the {most} bytes that are accepted.",
        "Cut the file shorter or save it in a lower quality; announce as many bytes as it has.",
    )


def wrong_offset(here: int) -> NamedError:
    return NamedError(
        "wrong-offset",
        f"{here} bytes of this file are here; what was sent does not begin there.",
        "Ask with HEAD how many bytes are here, and go on from there.",
    )


def not_complete(here: int, size: int) -> NamedError:
    return NamedError(
        "not-complete",
        f"Only {here} of {size} bytes of this file are here.",
        "Send the rest first.",
    )


def disk_full() -> NamedError:
    return NamedError(
        "disk-full",
        "There is no room left to store the files.",
        "Free some space, then retry: the job goes on where it stopped.",
    )


def quota_reached(most: int) -> NamedError:
    return NamedError(
        "disk-full",
        f"All files together may take {most / 1024**3:.3g} GiB here, and do.",
        "Delete videos that are not needed any more, or raise DISK_QUOTA_BYTES.",
    )


def storage_unavailable() -> NamedError:
    return NamedError(
        "storage-unavailable",
        "The files cannot be read or written where they are kept.",
        "Check that the disk of VAR_DIR is there and writable, then retry: the job continues.",
    )


def file_gone() -> NamedError:
    return NamedError(
        "file-gone",
        "A file that was uploaded for this job is not stored any more.",
        "Upload it again and start a new job.",
    )


def result_gone() -> NamedError:
    return NamedError(
        "result-gone",
        "The finished video is not stored any more.",
        "Retry: it is made again.",
    )


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_STORAGE = {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENODEV),
    *(errno.ENOTDIR, errno.ENOTCONN, errno.ENXIO),
}


def from_os_error(error: BaseException) -> NamedError | None:
    """The failure of the disk or storage that an OSError stands for; None for other errors."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_ROOM:
        return disk_full()
    return storage_unavailable() if number in _NO_STORAGE else None


BOX_REMEDY = "Or draw a box around the face (in the API: the option box)."


def with_box(error: NamedError, remedy: str = BOX_REMEDY) -> NamedError:
    """The failure of a search for faces, with what is offered beyond the library: a box that says
    where the face is. The `remedy` says how, on the pages and in the API if it is not given.
    """
    if error.code != "no-face-found":
        return error
    return NamedError(error.code, error.message, f"{error.remedy} {remedy}")


def not_searched(code: str) -> NamedError:
    """Why an upload was not searched for faces before its job; no job depends on it."""
    return NamedError(
        code,
        "The faces in this file could not be looked for beforehand.",
        "Start the job: it looks for them itself.",
    )


def worker_crashed() -> NamedError:
    return NamedError(
        "worker-crashed",
        "The program was stopped three times while it worked on the same segment of this job.",
        "Retry once more; if it fails again, convert the file to MP4 or use a smaller one.",
    )


def took_too_long() -> NamedError:
    return NamedError(
        "took-too-long",
        "A segment of this job exceeded its time limit three times.",
        "Use a smaller picture or video (the option resize_factor makes it so), or retry.",
    )


def internal_error() -> NamedError:
    return NamedError(
        "internal-error",
        "Something went wrong inside the program.",
        "Retry: the job goes on where it stopped. The log tells more, under the job's id.",
    )
