import os
import re
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from jobs.settings import Settings, describe, from_environment, to_environment
from media.certificate import local_certificate
from media.errors import NamedError
from processes.serve import PROCFILE, processes
from wav2lip.engine import PRECISIONS

ROOT = Path(__file__).resolve().parent.parent.parent


def refused(**environment: str) -> list[str]:
    """What is said of each setting that is wrong, line by line."""
    with pytest.raises(NamedError) as error:
        from_environment(environment)
    assert error.value.code == "bad-setting"
    title, *lines = error.value.message.splitlines()
    assert title == "These settings cannot be used:"
    return [line.strip() for line in lines]


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


def test_the_defaults_are_allowed_and_of_the_right_kind() -> None:
    assert from_environment({}) == Settings()
    for setting in fields(Settings):
        assert type(getattr(from_environment({}), setting.name)) is type(setting.default) or (
            setting.name == "var_dir"
        )


def test_all_wrong_values_are_told_at_once() -> None:
    assert refused(
        PORT="-5",
        SEGMENT_SECONDS="0",
        DETECTOR="retina",
        PRECISION="bf16",
        MAX_SECONDS="long",
        UPLOADS_AT_ONCE="4",
    ) == [
        "PORT='-5' must be a whole number from 1 to 65535.",
        "MAX_SECONDS='long' must be a whole number from 1 to 86400.",
        "SEGMENT_SECONDS='0' must be a number from 0.04 to 600.",
        "DETECTOR='retina' must be s3fd or centerface.",
        "PRECISION='bf16' must be auto, half, fp32 or int8.",
    ]


WRONG = {
    "VAR_DIR": f"{__file__}/var",
    "HOST": "a b",
    "BROKER_URL": "amqp://queue",
    "DATABASE_URL": "postgres://db/mouth",
    "STORAGE_URL": "media",
    "METRICS": "everybody",
    "FETCHING": "yes",
    "WEBHOOK_ALLOW": "https://hooks.lan",
    "DETECTOR": "retina",
    "CHECKPOINT": "nobodys",
    "SIGNING_CERTIFICATE": "/nowhere/chain.pem",
    "SIGNING_KEY": "/nowhere/key.pem",
    "PRECISION": "bf16",
    "SITE_PASSWORD": "scrypt:broken",
}


@pytest.mark.parametrize("name", [each.name.upper() for each in fields(Settings)])
def test_every_setting_refuses_what_it_cannot_use(name: str) -> None:
    if name == "SECRET_KEY":  # any text is one
        return
    (line,) = refused(**{name: WRONG.get(name, "-1")})
    (allowed,) = [each.allowed for each in describe(Settings()) if each.name == name]
    assert line.startswith(f"{name}=")
    assert f" must be {allowed}" in line


def test_no_message_tells_a_secret() -> None:
    said = "\n".join(
        refused(
            SITE_PASSWORD="scrypt:hunter2",
            BROKER_URL="amqp://me:hunter2@queue",
            DATABASE_URL="postgresql+psycopg://me:hunter2@db:port/mouth",
            STORAGE_URL="nothing://me:hunter2@bucket",
        )
    )
    assert "hunter2" not in said
    assert "SITE_PASSWORD='(set)' must be" in said
    assert "DATABASE_URL='postgresql+psycopg://***@db:port/mouth' must be" in said


def test_a_certificate_and_its_key_belong_together(tmp_path: Path) -> None:
    local_certificate(tmp_path)
    pem, other = str(tmp_path / "signing.pem"), str(tmp_path / "other.pem")
    Path(other).write_text("no key")
    assert from_environment({"SIGNING_CERTIFICATE": pem, "SIGNING_KEY": pem}).signing_key == pem
    together = "SIGNING_CERTIFICATE and SIGNING_KEY must be set together, or neither."
    assert refused(SIGNING_CERTIFICATE=pem) == [together]
    assert refused(SIGNING_KEY=pem) == [together]
    (line,) = refused(SIGNING_CERTIFICATE=pem, SIGNING_KEY=other)
    assert "cannot be used" in line


def test_a_list_of_weights_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTH_MANIFEST", str(tmp_path / "none.json"))
    port, manifest = refused(PORT="x")
    assert port.startswith("PORT=")
    assert manifest.startswith("MOUTH_MANIFEST=")


def test_each_precision_of_the_engines_may_be_set() -> None:
    for precision in PRECISIONS:
        assert from_environment({"PRECISION": precision}).precision == precision
    (line,) = refused(PRECISION="none")
    assert len(re.findall(r"\w+", line.split(" must be ")[1])) == len(PRECISIONS) + 1


def test_another_process_can_be_given_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = from_environment({"VAR_DIR": "mine", "LEASE_SECONDS": "3", "SITE_PASSWORD": "x y"})
    monkeypatch.chdir("/")
    assert from_environment(to_environment(settings)) == settings


@pytest.mark.parametrize("name", processes(PROCFILE))
def test_each_process_ends_at_once_and_is_not_started_again(name: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "VAR_DIR": str(tmp_path / "var"),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "DETECTOR": "retina",
    }
    ended = subprocess.run(
        ["sh", "-c", processes(PROCFILE)[name]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == os.EX_CONFIG
    assert "PORT='0' must be a whole number from 1 to 65535." in ended.stderr
    assert "DETECTOR='retina' must be s3fd or centerface." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "var").exists()


def test_the_signing_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    key = settings.secret()
    assert len(key) == 64
    assert Settings(var_dir=tmp_path / "var").secret() == key
    assert stat.S_IMODE((tmp_path / "var" / "secret").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret"]


def test_every_setting_is_described_and_keys_are_hidden() -> None:
    settings = Settings(secret_key="do not print me", broker_url="redis://:hidden@queue")
    rows = {row.name: row for row in describe(settings)}
    assert all(row.doc.endswith(".") for row in rows.values())
    assert rows["SECRET_KEY"].value == "(set)"
    assert rows["BROKER_URL"].value == "redis://***@queue"
    assert "do not print me" not in repr(settings)


def test_the_manual_lists_every_setting_as_it_is() -> None:
    text = (ROOT / "docs" / "operation.md").read_text().split("## Settings")[1].split("\n## ")[0]
    listed = [
        re.sub(r"\s+", " ", entry).strip()
        for entry in re.findall(r"^- (.+\n(?:  .+\n)*)", text, re.MULTILINE)
    ]
    expected = [
        f"`{row.name}`{f' ({row.value})' if row.value else ''}: {row.doc} Allowed: {row.allowed}."
        for row in describe(Settings(var_dir=Path("var")))
    ]
    assert listed == expected
