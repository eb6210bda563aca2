"""Networks, loaded once in a process and kept: a job must not wait for the last one's models."""

import ctypes
import gc
import sys
from functools import lru_cache

import wav2lip
from face_detection.detectors import Detector, default_detector, load_detector
from rendering import threads
from rendering.spec import Source
from wav2lip.engine import Engine


def engine_for(source: Source, precision: str = "auto") -> Engine:
    """The engine that the options ask for.

    Raises NamedError checkpoint-missing, -corrupt, and bad-option for an unknown precision.
    """
    return _engine(source.options.checkpoint, source.options.wav2lip_batch_size, precision)


def detector_for(source: Source, name: str = "") -> Detector:
    """The detector called `name`, or the best one whose weights are here now.

    In one frame it looks for smaller faces.
    """
    return _detector(
        name or default_detector(), source.is_fixed, source.options.face_det_batch_size
    )


def engine_loaded() -> bool:
    """Whether this process has drawn something, or is about to."""
    return _engine.cache_info().currsize > 0


@lru_cache(maxsize=2)
def _engine(name: str, batch_size: int | None, precision: str) -> Engine:
    threads.use_all()
    _keep_opencv_to_one_thread()
    _give_back_memory()
    engine = wav2lip.load(name, batch_size=batch_size, precision=precision)
    _give_back_memory()
    _spare_the_garbage_collector()
    return engine


@lru_cache(maxsize=4)
def _detector(name: str, still: bool, batch_size: int | None) -> Detector:
    _keep_opencv_to_one_thread()
    detector = load_detector(name, still=still, batch_size=batch_size)
    _spare_the_garbage_collector()
    return detector


def _keep_opencv_to_one_thread() -> None:
    """What it does to a face is too little to share: its threads cost more than they bring."""
    import cv2

    cv2.setNumThreads(1)


def _give_back_memory() -> None:
    """What was freed before: weights are read beside it, not into it, and made ready likewise."""
    # The allocator keeps all that is freed (see the Procfile); only GNU's can be asked for it.
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _spare_the_garbage_collector() -> None:
    """What is loaded stays: to look through it for garbage took an eighth of a second at a time.

    What is thrown away again for another checkpoint is freed all the same, as its last reference
    goes.
    """
    gc.collect()
    gc.freeze()
