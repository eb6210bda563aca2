"""What the work costs on this machine: stages and whole jobs, compared with the reference.

    python -m benchmarks [--quick] [--long] [--only WORD] [--json FILE]
    python -m benchmarks --markdown FILE

On a machine that does other work at the same time, compare processor times (docs/speed.md).
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import jobs, memory, quality, stages
from benchmarks.measure import Row, machine

GROUPS = {
    "stages": stages.rows,
    "quality": quality.rows,
    "jobs": jobs.rows,
    "default": jobs.default_rows,
    "memory": memory.rows,
}
# Seconds of voice and video in a job, and in the longer of two jobs whose memory is compared.
SECONDS, QUICK_SECONDS = 10.0, 2.0
LONG, LONGER = 30.0, 600.0


def table(rows: list[Row]) -> Iterator[str]:
    """The lines of the table that is printed, its head first."""
    yield (
        f"{'work':44} {'seconds':>8} {'cpu s':>7} {'frames/s':>8} {'GF/cpu s':>8} {'of peak':>7} "
        f"{'MiB':>6} {'ratio':>6} {'cpu':>6}  "
    )
    for row in rows:
        yield (
            f"{row.work:44} {_figure(row.seconds, 3):>8} {_figure(row.cpu, 3):>7} "
            f"{_figure(row.frames_per_second, 1):>8} {_figure(row.gflops, 0):>8} "
            f"{_percent(row.fraction_of_peak):>7} {_figure(row.memory, 0):>6} "
            f"{_times(row.ratio):>6} {_times(row.cpu_ratio):>6}  {row.note}"
        ).rstrip()


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}x"


def markdown(report: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a Markdown table, from the report that is written as JSON."""
    yield "| work | seconds | of processors | GFLOP/s | memory | reference takes |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for values in report["rows"]:
        row = Row(**values)
        fraction = f" ({_percent(row.fraction_of_peak)})" if row.fraction_of_peak else ""
        speed = _figure(row.gflops, 0) + fraction
        times = " / ".join(filter(None, (_times(row.ratio), _times(row.cpu_ratio))))
        memory = row.memory and f"{row.memory:.0f} MiB"
        cells = (_figure(row.seconds, 2), _figure(row.cpu, 2), speed, memory, times or row.note)
        yield f"| {row.work} | " + " | ".join(cell or "" for cell in cells) + " |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--quick", action="store_true", help="two seconds of video instead of ten")
    options.add_argument("--long", action="store_true", help="memory of ten minutes of video")
    options.add_argument("--only", choices=GROUPS, help="a group of rows")
    options.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    options.add_argument("--markdown", type=Path, help="print this report, measure nothing")
    chosen = options.parse_args()
    if chosen.markdown:
        print("\n".join(markdown(json.loads(chosen.markdown.read_text()))))
        return
    seconds, long = QUICK_SECONDS if chosen.quick else SECONDS, LONGER if chosen.long else LONG
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
