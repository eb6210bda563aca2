"""Where the time of `mouth animate` goes, stage by stage, from a cold start.

    python -m benchmarks.breakdown FACE VOICE -o OUT [any option of `mouth animate`]

Runs the command in this process, with decoder, encoder and networks in one thread each, so that
the work of a stage is done by the thread that calls it, and prints the stages as JSON.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any


@dataclass
class Cost:
    """Seconds of processor time, and seconds by the clock."""

    cpu: float = 0.0
    seconds: float = 0.0


class StageClock:
    """`costs` by stage, of all threads. What is called within a stage and is a stage itself counts
    there only.
    """

    def __init__(self) -> None:
        self.costs: defaultdict[str, Cost] = defaultdict(Cost)
        self._own = threading.local()
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs in the block, in this thread, as the stage `name`."""
        outer = getattr(self._own, "inner", None)
        self._own.inner = inner = Cost()
        began, busy = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            seconds, cpu = time.perf_counter() - began, time.thread_time() - busy
            with self._lock:
                self.costs[name].seconds += seconds - inner.seconds
                self.costs[name].cpu += cpu - inner.cpu
            if outer is not None:
                outer.seconds += seconds
                outer.cpu += cpu
            self._own.inner = outer

    def count(self, name: str, owner: Any, attribute: str) -> None:
        """Count every call of a function of a module or class as the stage `name`."""
        function = getattr(owner, attribute)

        @wraps(function)
        def counted(*given: Any, **options: Any) -> Any:
            with self.stage(name):
                return function(*given, **options)

        setattr(owner, attribute, counted)

    def count_items(self, name: str, owner: Any, attribute: str) -> None:
        """As `count`, for a function that gives an iterator: each step of it counts."""
        function = getattr(owner, attribute)

        @wraps(function)
        def counted(*given: Any, **options: Any) -> Iterator[Any]:
            items = iter(function(*given, **options))
            while True:
                with self.stage(name):
                    item = next(items, _END)
                if item is _END:
                    return
                yield item

        setattr(owner, attribute, counted)


_END = object()


def main() -> None:
    began = time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = "1"
    import cli

    clock, first = StageClock(), Cost()
    _count_stages(clock)
    _note_first_frame(first, began)
    with redirect_stdout(sys.stderr):
        cli.main(["animate", *sys.argv[1:], "--quiet", "--force"], standalone_mode=False)
    whole = Cost(time.process_time(), time.perf_counter() - began)
    stages = {"start": first, **clock.costs}
    rest = whole.cpu - sum(cost.cpu for cost in stages.values())
    stages["rest"] = Cost(rest)
    print(json.dumps({name: asdict(cost) for name, cost in stages.items()}))


def _count_stages(clock: StageClock) -> None:
    """Count the stages of a job, by the functions that every job of the default path calls."""
    import media.container
    import media.video
    import media.video_writer
    import rendering.animate
    import rendering.source_mouths
    import wav2lip.compact.engine as compact
    from face_detection import identity, landmarks, shots
    from face_detection.centerface import CenterFaceDetector
    from media.planar import Planar, PlanarConverter
    from media.upright import Upright
    from rendering import driving_audio

    vars(media.container)["_DECODER_THREADS"] = vars(media.video_writer)["_THREADS"] = 1
    clock.count_items("decode", media.video, "decoded")
    for stage, owner, function in (
        ("colours", Upright, "__call__"),
        ("colours", PlanarConverter, "__call__"),
        ("colours", Planar, "seen"),
        ("signatures", shots, "signature"),
        ("detect", CenterFaceDetector, "_search"),
        ("landmarks", landmarks, "_points_in_square"),
        ("persons", identity, "embedding"),
        ("voice", driving_audio, "drive"),
        ("mouths", rendering.source_mouths, "find_mouth"),
        ("draw", compact.CompactEngine, "render"),
        ("paste", compact, "paste"),
        ("paste", Planar, "drawn"),
        ("encode", media.video_writer.VideoWriter, "write"),
        ("encode", media.video_writer.VideoWriter, "__exit__"),
        ("join", rendering.animate, "stitch"),
    ):
        clock.count(stage, owner, function)


def _note_first_frame(cost: Cost, began: float) -> None:
    """Note in `cost` what it took until a frame of the source is asked for."""
    import rendering.spec

    def noted(read: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(read)
        def noting(*given: Any) -> Any:
            if not cost.cpu:
                cost.cpu, cost.seconds = time.process_time(), time.perf_counter() - began
            return read(*given)

        return noting

    for name in ("read", "read_planar"):
        setattr(rendering.spec.Source, name, noted(getattr(rendering.spec.Source, name)))


if __name__ == "__main__":
    main()
