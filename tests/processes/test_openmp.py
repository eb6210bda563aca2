"""What is read of OpenMP's variables, and what is set."""

import pytest

from processes.openmp import thread_count, wait_passively


@pytest.mark.parametrize(
    ("value", "threads"), [("3", 3), (" 4,2 ", 4), ("", None), ("0", None), ("many", None)]
)
def test_the_number_of_threads_is_that_of_the_outermost_level(
    value: str, threads: int | None
) -> None:
    assert thread_count({"OMP_NUM_THREADS": value}) == threads


def test_without_the_variable_no_number_is_asked_for() -> None:
    assert thread_count({}) is None


def test_a_waiting_policy_that_is_set_stays() -> None:
    unset, active = {"PATH": "/bin"}, {"OMP_WAIT_POLICY": "ACTIVE"}
    wait_passively(unset)
    wait_passively(active)
    assert unset["OMP_WAIT_POLICY"] == "PASSIVE"
    assert active["OMP_WAIT_POLICY"] == "ACTIVE"
