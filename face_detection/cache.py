"""What was found in a source, kept as CSV, so that no frame is searched twice."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
from collections.abc import Sequence
from uuid import uuid4

import fsspec
import pandas as pd

from face_detection.detection import Detection
from face_detection.detectors import Detector

log = logging.getLogger(__name__)

COLUMNS = ["frame", "x1", "y1", "x2", "y2", "score"]


def cache_key(content_hash: str, transform_key: str, detector: Detector) -> str:
    """A name for the detections of these bytes, transformed so, by this detector, set so.

    A source keeps its detections under another name, and another source cannot get them.
    """
    parts = [content_hash, transform_key, detector.name, detector.parameters]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class DetectionCache:
    """Detections by key and range of frames, in a folder or anywhere else fsspec can write."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)

    def get(self, key: str, start: int, stop: int) -> list[list[Detection]] | None:
        """The faces of each frame from `start` to `stop` (exclusive), or None if not known.

        A file that is not exactly what was put is thrown away and counts as not known.
        """
        path = self._path(key, start, stop)
        try:
            content = self._files.cat_file(path)
        except FileNotFoundError:
            return None
        header, _, body = content.partition(b"\n")
        if header != _header(key, start, stop, body):
            log.warning("detections damaged, thrown away: %s", path)
            # Another process may have thrown it away in the meantime.
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(path)
            return None
        return _parse(body, start, stop)

    def put(
        self, key: str, start: int, stop: int, detections: Sequence[Sequence[Detection]]
    ) -> None:
        """Keep the faces of each frame from `start` to `stop`; a reader sees all of it or none.

        Raises ValueError unless there is one list for each frame.
        """
        if len(detections) != stop - start:
            raise ValueError(f"{len(detections)} lists for the frames {start} to {stop}")
        rows = [
            (frame, *face.box, face.score)
            for frame, faces in enumerate(detections, start)
            for face in faces
        ]
        table = pd.DataFrame(rows, columns=COLUMNS)
        body = table.to_csv(index=False, lineterminator="\n").encode()
        path = self._path(key, start, stop)
        unfinished = f"{path}.{uuid4().hex}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(unfinished, _header(key, start, stop, body) + b"\n" + body)
        self._files.mv(unfinished, path)

    def _path(self, key: str, start: int, stop: int) -> str:
        return f"{self._root}/{key[:2]}/{key}/{start}-{stop}.csv"


def _header(key: str, start: int, stop: int, body: bytes) -> bytes:
    """The first line: how many rows follow, and a digest of them and of what they belong to."""
    rows = body.count(b"\n") - 1
    digest = hashlib.sha256(f"{key} {start} {stop}\n".encode() + body).hexdigest()
    return f"# rows={rows} sha256={digest}".encode()


def _parse(body: bytes, start: int, stop: int) -> list[list[Detection]]:
    detections: list[list[Detection]] = [[] for _ in range(start, stop)]
    table = pd.read_csv(io.BytesIO(body))
    faces = table[COLUMNS[1:]].to_numpy(float).tolist()
    for frame, face in zip(table["frame"].tolist(), faces, strict=True):
        detections[frame - start].append(Detection(*face))
    return detections
