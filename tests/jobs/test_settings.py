import stat
from pathlib import Path

import pytest

from jobs.settings import Settings, describe, from_environment


def test_what_is_not_set_is_embedded_in_the_var_folder(tmp_path: Path) -> None:
    settings = from_environment({"VAR_DIR": str(tmp_path), "PORT": " ", "CHECKPOINT": ""})
    assert settings.database == f"sqlite:///{tmp_path}/mouth.db"
    assert settings.storage == f"{tmp_path}/media"
    assert settings.port == 8000
    assert settings.checkpoint == "compact"


def test_the_environment_sets_everything(tmp_path: Path) -> None:
    settings = from_environment(
        {
            "VAR_DIR": str(tmp_path),
            "PORT": "9001",
            "DATABASE_URL": "postgresql+psycopg://db/mouth",
            "STORAGE_URL": "s3://bucket/prefix",
            "SEGMENT_SECONDS": "2.5",
        }
    )
    assert settings.port == 9001
    assert settings.segment_seconds == 2.5
    assert settings.database == "postgresql+psycopg://db/mouth"
    assert settings.storage == "s3://bucket/prefix"


def test_a_wrong_value_is_told_by_the_name_of_its_variable() -> None:
    with pytest.raises(ValueError, match="PORT must be a int, not 'eighty'"):
        from_environment({"PORT": "eighty"})


def test_the_signing_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    key = settings.secret()
    assert len(key) == 64
    assert Settings(var_dir=tmp_path / "var").secret() == key
    assert stat.S_IMODE((tmp_path / "var" / "secret").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret"]


def test_every_setting_is_described_and_the_key_is_hidden() -> None:
    rows = describe(Settings(secret_key="do not print me"))
    assert all(doc.endswith(".") for _, _, doc in rows)
    assert ("SECRET_KEY", "(set)") in [(name, value) for name, value, _ in rows]
