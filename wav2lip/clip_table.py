"""Who is on which clip: a table (clips.csv) of file, person, and held_out where somebody is."""

from pathlib import Path

import pandas as pd

from media.errors import NamedError


def read(table: Path) -> pd.DataFrame:
    """The rows of a table, all columns text. Where it has no held_out, nobody is ("no").

    Raises NamedError `bad-list` for what is no such table.
    """
    try:
        rows = pd.read_csv(table, dtype=str)
    except ValueError as error:  # of pandas, and of text that is none
        raise unsuitable(table, f"it is no table ({error})") from error
    if missing := {"file", "person"} - set(rows.columns):
        raise unsuitable(table, f"it has no column {sorted(missing)[0]}")
    if rows[["file", "person"]].isna().any(axis=None):
        raise unsuitable(table, "a row is without file or person")
    if twice := rows.file[rows.file.duplicated()].tolist():
        raise unsuitable(table, f"{twice[0]} has two rows")
    return rows if "held_out" in rows else rows.assign(held_out="no")


def unsuitable(table: Path, problem: str) -> NamedError:
    """What to raise for a table that cannot be used."""
    return NamedError(
        "bad-list",
        f"{table} does not say who is on the clips: {problem}.",
        "It needs the columns file and person and a row for each clip; held_out, yes or no, may "
        "be there.",
    )
