"""Prometheus counters, kept in the database: they hold across processes and restarts."""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs.database import insert
from jobs.records import Counter

# Upper bounds of the histogram's buckets, in seconds.
BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_INFINITY = "+Inf"

# Each counter: its help text, and the name of its label.
COUNTERS = {
    "jobs": ("Jobs that ended, by their state.", "state"),
    "failures": ("Jobs that failed, by the code of the error.", "code"),
    "broken_segments": ("Segments that were lost or broke and were tried again.", "code"),
    "frames": ("Frames that were worked on; with step_seconds_sum, how many a second.", "step"),
    "webhooks": ("Tries to tell a webhook, by what came of them.", "outcome"),
    "removed": ("What retention and tidying removed.", "what"),
}
_HISTOGRAM = "step_seconds"


def count(session: Session, name: str, label: str, amount: float = 1.0, bound: str = "") -> None:
    """Add to a counter, in the transaction of the event that it counts."""
    row = insert(session, Counter).values(name=name, label=label, bound=bound, value=amount)
    more = Counter.value + row.excluded.value
    session.execute(
        row.on_conflict_do_update(
            index_elements=[Counter.name, Counter.label, Counter.bound], set_={"value": more}
        )
    )


def observe_step(session: Session, step: str, seconds: float, frames: int) -> None:
    """Count a finished segment: its frames, and its time in the histogram."""
    bound = next((str(each) for each in BOUNDS if seconds <= each), _INFINITY)
    count(session, "frames", step, frames)
    count(session, _HISTOGRAM, step, bound=bound)
    count(session, f"{_HISTOGRAM}_sum", step, seconds)


def seconds_per_frame(session: Session) -> dict[str, float]:
    """The mean time of a frame in each step, over all frames done so far."""
    names = ("frames", f"{_HISTOGRAM}_sum")
    query = sa.select(Counter).where(Counter.name.in_(names), Counter.bound == "")
    values = {(row.name, row.label): row.value for row in session.scalars(query)}
    return {
        step: values[names[1], step] / frames
        for (name, step), frames in values.items()
        if name == names[0] and frames and (names[1], step) in values
    }


def counter_lines(session: Session) -> Iterator[str]:
    """All counters as lines of Prometheus' text format 0.0.4."""
    values = {
        (row.name, row.label, row.bound): row.value for row in session.scalars(sa.select(Counter))
    }
    for name, (what, label) in COUNTERS.items():
        known = [(key[1], value) for key, value in sorted(values.items()) if key[0] == name]
        yield from metric_lines(f"{name}_total", "counter", what, label, known)
    steps = sorted({key[1] for key in values if key[0] == _HISTOGRAM})
    yield f"# HELP mouth_{_HISTOGRAM} Time from taking a segment to its end."
    yield f"# TYPE mouth_{_HISTOGRAM} histogram"
    for step in steps:
        total = 0.0
        for bound in (*map(str, BOUNDS), _INFINITY):
            total += values.get((_HISTOGRAM, step, bound), 0.0)
            yield f'mouth_{_HISTOGRAM}_bucket{{step="{step}",le="{bound}"}} {total:g}'
        yield f'mouth_{_HISTOGRAM}_sum{{step="{step}"}} {values[f"{_HISTOGRAM}_sum", step, ""]:g}'
        yield f'mouth_{_HISTOGRAM}_count{{step="{step}"}} {total:g}'


def metric_lines(
    name: str, kind: str, what: str, label: str, values: Iterable[tuple[str, float]]
) -> Iterator[str]:
    """One metric as lines of the text format; without a `label` it has one value."""
    yield f"# HELP mouth_{name} {what}"
    yield f"# TYPE mouth_{name} {kind}"
    for each, value in values:
        chosen = f'{{{label}="{each}"}}' if label else ""
        yield f"mouth_{name}{chosen} {value:.15g}"
