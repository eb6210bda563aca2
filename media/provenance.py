"""What a video was made from and by what, written into it and signed: Content Credentials (C2PA).

https://spec.c2pa.org, version 2.2. The credentials say that the picture is composed of recorded and
generated parts; they hold the hashes of what went in, never names of files or people.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa

from media.atomic import replacing
from media.certificate import Certificate
from media.errors import MediaError
from media.probe import content_hash
from media.signature import read_signature

SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's word for recorded media that a trained network changed in part."""

_PROGRAM = "Mouth Animation"
_RENDERING = "org.mouth-animation.rendering"
# Thumbnails would repeat faces that a crop has taken out of the picture.
_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}
# What `media.signature` tells apart and C2PA has a place in; the others are named by hash only.
_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "mov": "video/mp4",
    "avi": "video/avi",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
}
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Ingredient:
    """A file that went into a video: `role` is "source", or "voice 2" for the second one.

    `sha256` is that of the file's bytes, in hex, where it is known already.
    """

    role: str
    path: Path
    sha256: str | None = None


@dataclass(frozen=True)
class Credentials:
    """What a file says of itself, and whether it can be believed."""

    intact: bool  # nothing was changed since it was signed
    trusted: bool  # the signer is on a trust list that the C2PA library knows
    signer: str
    signed_at: str | None  # ISO 8601, only where a time stamp was made
    program: str
    synthetic: bool
    made_from: list[dict[str, str]] = field(default_factory=list)  # role and sha256 of each
    rendering: dict[str, Any] = field(default_factory=dict)  # checkpoint, detector, ...
    problems: list[str] = field(default_factory=list)  # what is not as it was signed

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def sign(
    video: Path,
    ingredients: Sequence[Ingredient],
    rendering: dict[str, Any],
    by: Certificate,
    media_type: str = "video/mp4",
) -> None:
    """Write credentials into a video, in place: made by this program from `ingredients`.

    `rendering` are plain JSON values that tell how it was made. Raises ValueError for a file that
    is not of the `media_type`.
    """
    made_from = [
        {"role": each.role, "sha256": each.sha256 or content_hash(each.path)}
        for each in ingredients
    ]
    with ExitStack() as stack:
        known = [(each, kind) for each in ingredients if (kind := _type(each.path))]
        actions: list[dict[str, Any]] = [
            {"action": "c2pa.created", "digitalSourceType": SYNTHETIC},
            *(
                {"action": "c2pa.placed", "parameters": {"ingredientIds": [each.role]}}
                for each, _ in known
            ),
        ]
        manifest = {
            "claim_generator_info": [{"name": _PROGRAM, "version": version("mouth-animation")}],
            "title": f"result{video.suffix.lower()}",
            "format": media_type,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": actions}},
                {"label": _RENDERING, "data": {**rendering, "made_from": made_from}},
            ],
        }
        settings = stack.enter_context(c2pa.Settings.from_json(json.dumps(_SETTINGS)))
        context = stack.enter_context(c2pa.Context(settings))
        signer = stack.enter_context(c2pa.Signer.from_info(_signer(by)))
        builder = stack.enter_context(c2pa.Builder(manifest, context=context))
        for each, kind in known:
            described = {"title": each.role, "label": each.role, "relationship": "componentOf"}
            builder.add_ingredient(described, kind, stack.enter_context(each.path.open("rb")))
        signed = stack.enter_context(replacing(video))
        with video.open("rb") as unsigned, signed.open("w+b") as file:
            try:
                builder.sign(signer, media_type, unsigned, file)
            except c2pa.C2paError as error:
                raise ValueError(f"{video.name} cannot be signed: {error}") from error


def read(path: Path) -> Credentials | None:
    """The credentials in a picture, sound or video; None where there are none.

    Raises MediaError: unreadable-media, unsupported-type.
    """
    kind = _type(path)
    if kind is None:
        return None
    try:
        with path.open("rb") as file, c2pa.Reader(kind, file) as reader:
            store = json.loads(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise MediaError(
            "unreadable-media",
            "What this file says of itself cannot be read: it is damaged, or not what it seems.",
            "Compare it with a copy from where it was made.",
        ) from error
    manifest = store["manifests"][store["active_manifest"]]
    data: dict[str, list[Any]] = {}
    for assertion in manifest["assertions"]:
        data.setdefault(assertion["label"], []).append(assertion.get("data"))
    actions = [
        action
        for label in ("c2pa.actions", "c2pa.actions.v2")
        for each in data.get(label, [])
        for action in each["actions"]
    ]
    rendering = data.get(_RENDERING, [{}])[0]
    if not isinstance(rendering, dict):
        rendering = {}
    failures = store["validation_results"]["activeManifest"]["failure"]
    signature = manifest.get("signature_info", {})
    generator = manifest.get("claim_generator_info", [{}])[0]
    return Credentials(
        intact=state in ("Valid", "Trusted"),
        trusted=all(failure["code"] != _UNTRUSTED for failure in failures),
        signer=signature.get("common_name") or signature.get("issuer", ""),
        signed_at=signature.get("time"),
        program=f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        synthetic=any(action.get("digitalSourceType") == SYNTHETIC for action in actions),
        made_from=_parts(rendering.pop("made_from", None)),
        rendering=rendering,
        problems=[
            failure.get("explanation", failure["code"])
            for failure in failures
            if failure["code"] != _UNTRUSTED
        ],
    )


def _parts(named: Any) -> list[dict[str, str]]:
    """What is named by role and sha256; anybody may have signed something else under our label."""
    listed = named if isinstance(named, list) else []
    return [each for each in listed if isinstance(each, dict) and {"role", "sha256"} <= each.keys()]


def _signer(by: Certificate) -> c2pa.C2paSignerInfo:
    # No time stamp: that would need a server, and tell it of every video that is made.
    return c2pa.C2paSignerInfo(by.algorithm.encode(), by.chain, by.key, None)


def _type(path: Path) -> str | None:
    """The media type of a file, told by its first bytes; None where C2PA has no place in it."""
    return _TYPES.get(read_signature(path).format)
