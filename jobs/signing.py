"""With which certificate this installation signs the videos it makes."""

from pathlib import Path

from jobs.settings import Settings
from media.certificate import Certificate, certificate_from, local_certificate
from media.errors import NamedError


def certificate(settings: Settings) -> Certificate:
    """The operator's certificate where one is set, else the one in VAR_DIR, made when needed.

    Raises NamedError `bad-setting` for files that are no certificate and its key.
    """
    chain, key = settings.signing_certificate, settings.signing_key
    if bool(chain) != bool(key):
        raise NamedError(
            "bad-setting",
            "A signing certificate needs its key, and a key its certificate.",
            "Set both SIGNING_CERTIFICATE and SIGNING_KEY, or neither.",
        )
    if chain:
        return certificate_from(Path(chain), Path(key))
    return local_certificate(settings.var_dir)
