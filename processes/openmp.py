"""OpenMP's variables: the process that starts reads and sets them, never a library."""

from collections.abc import Mapping, MutableMapping


def thread_count(environment: Mapping[str, str]) -> int | None:
    """The number of threads that OMP_NUM_THREADS asks for, None where it asks for none.

    Of a list, which has a number for each level of nesting, it is the first.
    """
    first = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else None


def wait_passively(environment: MutableMapping[str, str]) -> None:
    """Let OpenMP's threads sleep while they wait: by default they spin, on cores that decode.

    It has to be called before torch is imported, and changes no policy that is set already.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
