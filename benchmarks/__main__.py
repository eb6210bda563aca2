"""What the work costs on this machine: stages and whole jobs, beside the plain reference.

    python -m benchmarks [--quick] [--only WORD] [--seconds S] [--memory-seconds S] [--json FILE]

On a machine that does other things meanwhile, compare the seconds of processors at work.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import jobs, quality, stages
from benchmarks.measure import Row, machine

GROUPS = {"stages": stages.rows, "quality": quality.rows, "jobs": jobs.rows}


def table(rows: list[Row]) -> Iterator[str]:
    """The lines of a table for people."""
    yield (
        f"{'work':44} {'seconds':>8} {'cpu s':>7} {'frames/s':>8} {'GF/cpu s':>8} {'of peak':>7} "
        f"{'MiB':>6} {'ratio':>6} {'cpu':>6}  "
    )
    for row in rows:
        yield (
            f"{row.work:44} {_figure(row.seconds, 3):>8} {_figure(row.cpu, 3):>7} "
            f"{_figure(row.frames_per_second, 1):>8} {_figure(row.gflops, 0):>8} "
            f"{_percent(row.share_of_peak):>7} {_figure(row.memory, 0):>6} "
            f"{_times(row.ratio):>6} {_times(row.cpu_ratio):>6}  {row.note}"
        ).rstrip()


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}x"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--quick", action="store_true", help="two seconds of video, not ten")
    options.add_argument("--only", choices=GROUPS, help="a group of rows")
    options.add_argument("--seconds", type=float, help="of voice and video in a job")
    options.add_argument("--memory-seconds", type=float, help="of the long video (600)")
    options.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    chosen = options.parse_args()
    seconds = chosen.seconds or (2.0 if chosen.quick else 10.0)
    long = chosen.memory_seconds or (20.0 if chosen.quick else 600.0)
    print(json.dumps(machine()))
    rows: list[Row] = []
    print(next(table([])), flush=True)
    with TemporaryDirectory() as folder:
        for name, group in GROUPS.items():
            if chosen.only in (None, name):
                for row in group(Path(folder), seconds, long):
                    rows.append(row)
                    print(list(table([row]))[1], flush=True)
    report = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
