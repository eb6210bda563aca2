"""The cache of loaded networks: a job does not wait for models that the last one had."""

import ctypes
import gc
import sys
from functools import lru_cache

import wav2lip
from face_detection.detectors import Detector, default_detector, load_detector
from rendering.spec import Source
from rendering.threads import use_threads
from wav2lip.engine import Engine


def engine_for(source: Source, precision: str = "auto", threads: int | None = None) -> Engine:
    """The engine that the options ask for, computing in `threads` (see `threads.use_threads`).

    Raises NamedError checkpoint-missing, -corrupt, and bad-option for an unknown precision.
    """
    options = source.options
    return _engine(options.checkpoint, options.wav2lip_batch_size, precision, threads)


def detector_for(source: Source, name: str = "") -> Detector:
    """The detector called `name`, or the best one whose weights are here now.

    In one frame it looks for smaller faces.
    """
    return _detector(
        name or default_detector(), source.is_fixed, source.options.face_det_batch_size
    )


def engine_loaded() -> bool:
    """Whether this process has loaded an engine, or is loading one."""
    return _engine.cache_info().currsize > 0


@lru_cache(maxsize=2)
def _engine(
    name: str, batch_size: int | None, precision: str, threads: int | None = None
) -> Engine:
    use_threads(threads)
    _use_one_opencv_thread()
    _trim_heap()
    engine = wav2lip.load(name, batch_size=batch_size, precision=precision)
    _trim_heap()
    _freeze_garbage_collector()
    return engine


@lru_cache(maxsize=4)
def _detector(name: str, still: bool, batch_size: int | None) -> Detector:
    _use_one_opencv_thread()
    detector = load_detector(name, still=still, batch_size=batch_size)
    _freeze_garbage_collector()
    return detector


def _use_one_opencv_thread() -> None:
    """OpenCV's work on one face is too little to split: more threads cost more than they save."""
    import cv2

    cv2.setNumThreads(1)


def _trim_heap() -> None:
    """Give freed memory back to the system: weights are not read into it but beside it."""
    # The allocator keeps all that is freed (see the Procfile); only GNU's can be asked for it.
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _freeze_garbage_collector() -> None:
    """Leave loaded networks out of garbage collections, each of which took an eighth of a second.

    A network that gives way to another checkpoint is freed all the same, with its last reference.
    """
    gc.collect()
    gc.freeze()
