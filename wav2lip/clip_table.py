"""The table of clips (clips.csv): file, person, and whether the clip is held out."""

from pathlib import Path

import pandas as pd

from media.errors import NamedError


def read(table: Path) -> pd.DataFrame:
    """The rows of a table as strings; a missing column held_out is filled with "no".

    Raises NamedError `bad-list` for a file that is no such table.
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
