"""A manifest of two small checkpoints, and an empty folder to put them in."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import checkpoints

WEIGHTS = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    entry = {
        "architecture": "wav2lip",
        "file": "weights.pth",
        "bytes": len(WEIGHTS),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "licence": "free",
        "url": None,
        "note": "Somebody sells it.",
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "published": {**entry, "url": "http://weights.example/weights.pth"},
                "unpublished": {**entry, "file": "other.pth"},
            }
        )
    )
    folder = tmp_path / "weights"
    monkeypatch.setattr(checkpoints, "MANIFEST", manifest)
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(folder))
    return folder
