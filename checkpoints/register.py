"""Write the size and sha256 of a file of weights into the manifest.

    python -m checkpoints.register compact checkpoints/compact.pt

To be run whenever a checkpoint that ships with the program was trained anew.
"""

import json
import sys
from pathlib import Path

from checkpoints import MANIFEST, sha256


def register(name: str, path: Path, manifest: Path = MANIFEST) -> None:
    """Describe the file at `path` as the one entry `name` of `manifest` speaks of.

    Raises KeyError for a name that the manifest lacks: a new entry wants a licence, by hand.
    """
    entries = json.loads(manifest.read_text(encoding="utf-8"))
    entries[name].update(file=path.name, bytes=path.stat().st_size, sha256=sha256(path))
    text = json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    manifest.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    register(sys.argv[1], Path(sys.argv[2]))
