"""How the web application answers failures."""

import logging

import pytest

from app.errors import status_of
from media.errors import NamedError


def test_a_code_without_a_status_is_a_fault_of_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        assert status_of(NamedError("never-heard-of", "It broke.", "Mend it.")) == 500
    assert "code-without-status code=never-heard-of" in caplog.text
