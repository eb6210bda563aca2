from pathlib import Path

import pytest

from jobs import tokens
from jobs.service import Jobs
from media.errors import NamedError


def test_a_token_is_found_by_what_was_shown_once(jobs: Jobs) -> None:
    token = tokens.create(jobs.database, "robot")
    found = tokens.authenticate(jobs.database, token)
    assert found is not None
    assert found.name == "robot"
    for other in ("", "robot", token[:-1], token + "x", found.sha256):
        assert tokens.authenticate(jobs.database, other) is None


def test_only_its_hash_is_kept(jobs: Jobs) -> None:
    token = tokens.create(jobs.database, "robot")
    secret = token.removeprefix(tokens.PREFIX)
    assert len(secret) == 43  # 256 bits
    for path in Path(jobs.settings.var_dir).rglob("mouth.db*"):
        assert secret.encode() not in path.read_bytes()


def test_its_last_use_is_known(jobs: Jobs) -> None:
    token = tokens.create(jobs.database, "robot")
    assert tokens.list_all(jobs.database)[0].used is None
    tokens.authenticate(jobs.database, token)
    (record,) = tokens.list_all(jobs.database)
    assert record.used is not None
    assert record.used >= record.created


def test_a_revoked_token_is_none(jobs: Jobs) -> None:
    token = tokens.create(jobs.database, "robot")
    other = tokens.create(jobs.database, "other")
    tokens.revoke(jobs.database, "robot")
    assert tokens.authenticate(jobs.database, token) is None
    assert tokens.authenticate(jobs.database, other) is not None
    with pytest.raises(NamedError, match="no token called"):
        tokens.revoke(jobs.database, "robot")


def test_names_are_unique_and_can_be_read(jobs: Jobs) -> None:
    tokens.create(jobs.database, "robot")
    with pytest.raises(NamedError, match="already"):
        tokens.create(jobs.database, "robot")
    for name in ("", "x" * 101, "a\nb"):
        with pytest.raises(NamedError, match="cannot be called"):
            tokens.create(jobs.database, name)
