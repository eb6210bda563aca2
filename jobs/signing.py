"""The certificate with which this installation signs its videos."""

from pathlib import Path

from jobs.settings import Settings
from media.certificate import Certificate, certificate_from, local_certificate


def certificate(settings: Settings) -> Certificate:
    """The operator's certificate where one is set, else the one in VAR_DIR, made when needed.

    Raises NamedError `bad-setting` for files that are no certificate and its key.
    """
    if settings.signing_certificate:
        return certificate_from(Path(settings.signing_certificate), Path(settings.signing_key))
    return local_certificate(settings.var_dir)
