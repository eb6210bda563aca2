"""Who signs the finished videos: a certificate of this installation's own, or the operator's."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from media.errors import NamedError

_VALID = timedelta(days=3650)
_RENEW = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates, the signer's first, and the key of the first; both PEM.

    `algorithm` is the name that C2PA gives to signatures with this key.
    """

    chain: bytes
    key: bytes
    algorithm: str


def local_certificate(folder: Path) -> Certificate:
    """This installation's certificate, kept in `folder`; made at the first call, mode 0600.

    Nobody's trust list knows it: it says that a file is unchanged since this installation made it,
    not who runs the installation. The authority's key is forgotten at once, so that nothing else
    can ever be issued by it. Processes that start together agree on one.
    """
    path = folder / "signing.pem"
    if not path.exists() or _ends_soon(path.read_bytes()):
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"signing.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_bytes(_new())
        if path.exists():  # an old one, about to end
            draft.replace(path)
        else:
            with suppress(FileExistsError):  # another process was first: its certificate counts
                os.link(draft, path)
            draft.unlink()
    pem = path.read_bytes()
    return _parsed(pem, pem)


def certificate_from(chain: Path, key: Path) -> Certificate:
    """The operator's own certificate: a PEM chain, leaf first, and its PEM key.

    Raises NamedError `bad-setting` for files that are not that.
    """
    try:
        return _parsed(chain.read_bytes(), key.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise NamedError(
            "bad-setting",
            f"The signing certificate cannot be used: {error}",
            "SIGNING_CERTIFICATE must be a PEM chain, the signer’s certificate first; SIGNING_KEY "
            "its unencrypted PEM key, on the curve P-256 or P-384.",
        ) from error


def _parsed(chain: bytes, key: bytes) -> Certificate:
    certificates = x509.load_pem_x509_certificates(chain)
    private = load_pem_private_key(key, password=None)
    algorithms = {"secp256r1": "es256", "secp384r1": "es384"}
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name not in algorithms:
        raise ValueError("the key is on another curve than P-256 and P-384.")
    if certificates[0].public_key() != private.public_key():
        raise ValueError("the key does not belong to the first certificate.")
    return Certificate(
        b"".join(each.public_bytes(Encoding.PEM) for each in certificates),
        _pem(private),
        algorithms[private.curve.name],
    )


def _ends_soon(pem: bytes) -> bool:
    certificate = x509.load_pem_x509_certificate(pem)
    return certificate.not_valid_after_utc < datetime.now(UTC) + _RENEW


def _new() -> bytes:
    """Key, certificate and the authority's certificate, as one PEM file."""
    authority, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = f"Mouth Animation {secrets.token_hex(4)}"
    root = _issue(f"{name} authority", f"{name} authority", authority, authority, is_authority=True)
    leaf = _issue(name, f"{name} authority", signer, authority, is_authority=False)
    return _pem(signer) + leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)


def _issue(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    is_authority: bool,
) -> x509.Certificate:
    """A certificate of the profile that C2PA asks for (specification 2.2, section 14.5)."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ: a file must not come from before its certificate.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            True,
        )
    )
    if not is_authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, False)
    return builder.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Mouth Animation")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
