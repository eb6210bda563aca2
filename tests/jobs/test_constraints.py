"""What each kind of setting takes and refuses."""

from pathlib import Path

import pytest

from jobs import constraints
from jobs.constraints import (
    Choice,
    Constraint,
    DatabaseUrl,
    File,
    FloatRange,
    Folder,
    Host,
    HostNames,
    Hosts,
    IntRange,
    Password,
    StorageUrl,
    Url,
    Weights,
)

BROKER = Url(("redis", "rediss", "redis+socket"))
DATABASE = DatabaseUrl(("postgresql+psycopg", "sqlite"))
HASH = "scrypt:32768:8:1$salt$" + 64 * "0a"


@pytest.mark.parametrize(
    ("constraint", "texts"),
    [
        (Choice(("s3fd", "centerface")), ["s3fd", "centerface"]),
        (IntRange(1, 65535), ["1", "65535"]),
        (IntRange(0), ["0", "1000000000000000"]),
        (FloatRange(0.04, 600), ["0.04", "600", "1e1"]),
        (Host(), ["127.0.0.1", "0.0.0.0", "localhost", "my-host.lan"]),  # noqa: S104
        (HostNames(), ["mouth.example", "a.b, .lan", "*"]),
        (Hosts(), ["hooks.lan", "hooks.lan, 10.0.0.5:9000", "::1", "a:1,b:65535"]),
        (BROKER, ["redis://:pass@queue:6379/0", "rediss://queue", "redis+socket:///run/r.sock"]),
        (DATABASE, ["postgresql+psycopg://u:p[@db/mouth", "sqlite:////srv/jobs.db"]),
        (StorageUrl(), ["s3://bucket/prefix", "memory://media", "/srv/media"]),
        (Password(), ["open sesame", HASH]),
        (Weights(), ["compact", "wav2lip_gan"]),
    ],
)
def test_what_is_allowed_is_taken(constraint: Constraint, texts: list[str]) -> None:
    for text in texts:
        value = constraint.read(text)
        assert value == (type(value)(text) if isinstance(value, int | float) else text)


@pytest.mark.parametrize(
    ("constraint", "texts"),
    [
        (Choice(("s3fd", "centerface")), ["retina", "S3FD", "s3fd,centerface"]),
        (IntRange(1, 65535), ["-5", "0", "65536", "80.5", "eighty", "nan"]),
        (IntRange(0), ["-1", "1e3"]),
        (FloatRange(0.04, 600), ["0", "-1", "600.1", "nan", "inf", "five"]),
        (Host(), ["a b", "http://localhost", "localhost:80", "::1", "-x"]),
        (HostNames(), ["a b", "mouth.example:443", "*.lan", "a,", "https://a"]),
        (Hosts(), ["a b", "hooks.lan,", "https://hooks.lan", "a:0", "a:70000", "a:b", "a:٣"]),
        (BROKER, ["localhost:6379", "amqp://queue", "redis://", "redis://queue:port", "redis:/x"]),
        (DATABASE, ["postgres://db/mouth", "mysql://db", "sqlite://", "mouth.db"]),
        (StorageUrl(), ["media", "s3://", "nothing://bucket", "s3:/bucket"]),
        (Password(), ["scrypt:", "scrypt:32768:8:1$salt", HASH.replace("8:1", "8:0")]),
        (Weights(), ["nobodys", "s3fd", "expert"]),
    ],
)
def test_what_is_not_allowed_is_refused(constraint: Constraint, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError):  # noqa: PT011 - of whatever words
            pytest.fail(f"{text!r} gives {constraint.read(text)!r}")


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("key.pem").touch()
    Path("mine.pt").touch()
    assert Folder().read("new/var") == tmp_path / "new" / "var"
    assert File().read("key.pem") == str(tmp_path / "key.pem")
    assert Weights().read("mine.pt") == str(tmp_path / "mine.pt")
    with pytest.raises(ValueError, match=r"key\.pem is a file"):
        Folder().read("key.pem/var")
    for missing in ("none.pem", "."):
        with pytest.raises(ValueError, match=r"^$"):
            File().read(missing)


def test_weights_in_the_folder_of_checkpoints_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path))
    (tmp_path / "hers.pth").touch()
    assert Weights().read("hers") == "hers"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("redis://queue:6379/0", "redis://queue:6379/0"),
        ("redis://:hunter2@queue:6379/0", "redis://***@queue:6379/0"),
        ("postgres://me:hunt@er2@db/mouth", "postgres://***@db/mouth"),
        ("REDIS:/me:hunter2@queue", "***@queue"),
        ("rediss://queue?password=hunter2", "rediss://queue?***"),
    ],
)
def test_an_address_is_shown_without_its_password(value: str, shown: str) -> None:
    assert BROKER.shown(value) == shown


def test_every_constraint_says_what_it_allows() -> None:
    kinds = [each for each in vars(constraints).values() if isinstance(each, type)]
    described = [each for each in kinds if issubclass(each, Constraint) and each is not Constraint]
    assert len(described) > 10
    silent = [each for each in described if each.__str__ is Constraint.__str__]
    assert {each.__name__ for each in silent} == {"Secret", "Address"}
