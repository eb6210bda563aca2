"""One call gives an engine, and nothing heavy is loaded before that call."""

import subprocess
import sys

import pytest

import checkpoints
import wav2lip
from media.errors import NamedError
from wav2lip import engines


def test_without_a_name_the_engine_that_ships_is_loaded() -> None:
    engine = wav2lip.load()
    assert (engine.name, engine.architecture) == ("compact", "compact")


def test_a_name_nobody_knows_is_a_named_error() -> None:
    with pytest.raises(NamedError, match="no checkpoint called “talkie”") as error:
        wav2lip.load("talkie")
    assert error.value.code == "checkpoint-missing"


def test_a_precision_that_there_is_not_is_a_named_error() -> None:
    with pytest.raises(NamedError, match="'fp64'") as error:
        wav2lip.load(precision="fp64")
    assert error.value.code == "bad-option"


def test_every_architecture_that_is_recognised_can_be_loaded() -> None:
    assert set(engines.LOADERS) == set(checkpoints.GENERATORS)


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, checkpoints, wav2lip; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
