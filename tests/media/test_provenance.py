"""Content Credentials: what a video says it was made from, and whether it is still that video."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from media import certificate, provenance
from media.certificate import Certificate, certificate_from, local_certificate
from media.errors import NamedError
from media.probe import content_hash, probe
from media.video import read_frames


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return local_certificate(tmp_path_factory.mktemp("var"))


def sign(video: Path, face: Path, voice: Path, signer: Certificate) -> None:
    ingredients = [
        provenance.Ingredient("source", face),
        provenance.Ingredient("voice 1", voice),
    ]
    provenance.sign(video, ingredients, {"checkpoint": "compact"}, signer)


def test_a_signed_video_says_what_it_was_made_from(
    video: Path, astronaut_file: Path, short_voice: Path, signer: Certificate
) -> None:
    sign(video, astronaut_file, short_voice, signer)
    found = provenance.read(video)
    assert found is not None
    assert found.intact
    assert found.problems == []
    assert found.synthetic
    assert found.program.startswith("Mouth Animation ")
    assert found.rendering == {"checkpoint": "compact"}
    assert found.made_from == [
        {"role": "source", "sha256": content_hash(astronaut_file)},
        {"role": "voice 1", "sha256": content_hash(short_voice)},
    ]


def test_a_local_certificate_is_on_no_trust_list(
    video: Path, astronaut_file: Path, short_voice: Path, signer: Certificate
) -> None:
    sign(video, astronaut_file, short_voice, signer)
    found = provenance.read(video)
    assert found is not None
    assert not found.trusted
    (subject,) = x509.load_pem_x509_certificate(signer.chain).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    assert found.signer == subject.value


def test_signing_leaves_picture_and_sound_as_they_were(
    video: Path, astronaut_file: Path, short_voice: Path, signer: Certificate
) -> None:
    before, info = np.stack(list(read_frames(video))), probe(video)
    sign(video, astronaut_file, short_voice, signer)
    assert probe(video) == info
    assert (np.stack(list(read_frames(video))) == before).all()
    assert [path.name for path in video.parent.iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_one_changed_byte_is_found_out(
    video: Path, astronaut_file: Path, short_voice: Path, signer: Certificate, place: float
) -> None:
    sign(video, astronaut_file, short_voice, signer)
    content = bytearray(video.read_bytes())
    content[content.index(b"mdat") + int((len(content) - content.index(b"mdat")) * place)] ^= 1
    video.write_bytes(content)
    found = provenance.read(video)
    assert found is not None
    assert not found.intact
    assert found.problems


def test_what_went_into_the_source_is_carried_on(
    video: Path, astronaut_file: Path, short_voice: Path, signer: Certificate, tmp_path: Path
) -> None:
    """A finished video whose next person speaks brings its own credentials along."""
    sign(video, astronaut_file, short_voice, signer)
    second = tmp_path / "second.mp4"
    second.write_bytes(video.read_bytes())
    provenance.sign(second, [provenance.Ingredient("source", video)], {}, signer)
    found = provenance.read(second)
    assert found is not None
    assert found.intact
    assert second.read_bytes().count(b"org.mouth-animation.rendering") >= 2


@pytest.mark.parametrize("said", ["nothing", [], {"made_from": "a film"}, {"made_from": [1, {}]}])
def test_what_others_sign_under_our_label_is_read_with_care(
    video: Path, signer: Certificate, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forged(manifest: dict[str, Any], **more: Any) -> c2pa.Builder:
        manifest["assertions"][1]["data"] = said
        return Builder(manifest, **more)

    Builder = c2pa.Builder
    monkeypatch.setattr(c2pa, "Builder", forged)
    provenance.sign(video, [], {}, signer)
    found = provenance.read(video)
    assert found is not None
    assert found.intact
    assert found.made_from == []


def test_names_of_files_are_not_told(
    video: Path, astronaut_file: Path, short_voice: Path, signer: Certificate
) -> None:
    sign(video, astronaut_file, short_voice, signer)
    content = video.read_bytes()
    assert astronaut_file.name.encode() not in content
    assert short_voice.name.encode() not in content


def test_a_file_without_credentials_has_none(astronaut_file: Path, short_voice: Path) -> None:
    assert provenance.read(astronaut_file) is None
    assert provenance.read(short_voice) is None


def test_the_certificate_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    first = local_certificate(tmp_path)
    assert local_certificate(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["signing.pem"]
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600


def test_a_certificate_about_to_end_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "_VALID", timedelta(days=10))
    old = local_certificate(tmp_path)
    monkeypatch.undo()
    new = local_certificate(tmp_path)
    assert new != old
    leaf = x509.load_pem_x509_certificate(new.chain)
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=365)
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600


def test_an_operator_brings_a_certificate(tmp_path: Path, signer: Certificate) -> None:
    (tmp_path / "chain.pem").write_bytes(signer.chain)
    (tmp_path / "key.pem").write_bytes(signer.key)
    assert certificate_from(tmp_path / "chain.pem", tmp_path / "key.pem") == signer


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, signer: Certificate) -> None:
    (tmp_path / "chain.pem").write_bytes(signer.chain)
    (tmp_path / "key.pem").write_bytes(local_certificate(tmp_path).key)
    with pytest.raises(NamedError, match="does not belong") as refused:
        certificate_from(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert refused.value.code == "bad-setting"
