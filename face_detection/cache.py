"""The detection cache: what was found in a source, as CSV, so that no frame is searched twice.

pandas would take half a second to import, at every start of the command line.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import fsspec
import numpy as np

from face_detection.detection import Detection
from face_detection.detector import Detector
from face_detection.shots import SIDE

if TYPE_CHECKING:
    from face_detection.identity import FaceSample, Identity

log = logging.getLogger(__name__)

COLUMNS = ["frame", "x1", "y1", "x2", "y2", "score", "roll", "yaw"]
ARRAY_COLUMNS = ["frame", "values"]


def cache_key(content_hash: str, transform_key: str, detector: Detector) -> str:
    """The cache key of the detections of a source: "NAME-SHA256", by the name of the detector.

    It depends on the bytes (`content_hash`), on what was done to the frames (`transform_key`), and
    on the detector's name and parameters, so that a renamed file keeps its detections and another
    file cannot get them.
    """
    parts = [content_hash, transform_key, detector.name, detector.parameters]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{detector.name}-{digest}"


class DetectionCache:
    """Detections by key and range of frames, in a folder or anywhere else fsspec can write."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)

    def get(self, key: str, start: int, stop: int) -> list[list[Detection]] | None:
        """The faces of each frame from `start` to `stop` (exclusive), or None if not known.

        A file that is not exactly what was put is thrown away and counts as not known.
        """
        body = self._read(key, start, stop, "faces")
        return None if body is None else _parse(body, start, stop)

    def put(
        self, key: str, start: int, stop: int, detections: Sequence[Sequence[Detection]]
    ) -> None:
        """Keep the faces of each frame from `start` to `stop`; a reader sees all of it or none.

        Raises ValueError unless there is one list for each frame.
        """
        _require_all(detections, start, stop)
        rows = [
            (frame, *face.box, face.score, face.roll, face.yaw)
            for frame, faces in enumerate(detections, start)
            for face in faces
        ]
        self._write(key, start, stop, "faces", COLUMNS, rows)

    def get_signatures(self, key: str, start: int, stop: int) -> np.ndarray | None:
        """The signatures (n, 24, 24) of the frames from `start` to `stop`, or None, as `get`."""
        body = self._read(key, start, stop, "signatures")
        if body is None:
            return None
        return _values(body, np.uint8).reshape(-1, SIDE, SIDE)

    def put_signatures(self, key: str, start: int, stop: int, signatures: np.ndarray) -> None:
        """Keep the signatures (n, 24, 24) uint8 of the frames from `start` to `stop`, as `put`."""
        _require_all(signatures, start, stop)
        rows = _rows(range(start, stop), signatures)
        self._write(key, start, stop, "signatures", ARRAY_COLUMNS, rows)

    def remembering(self, key: str, identity: Identity) -> Identity:
        """`identity` with its embeddings cached under `key`, by the samples that it is asked for.

        `key` says what the samples are taken from: which source, transformed how.
        """

        def embed(samples: Sequence[FaceSample]) -> np.ndarray:
            name = hashlib.sha256(json.dumps([key, samples]).encode()).hexdigest()
            body = self._read(name, 0, len(samples), "embeddings")
            if body is not None:
                return _values(body, np.float32).reshape(len(samples), -1)
            embeddings = identity(samples)
            rows = _rows([frame for frame, _, _ in samples], embeddings)
            self._write(name, 0, len(samples), "embeddings", ARRAY_COLUMNS, rows)
            return embeddings

        return embed

    def _read(self, key: str, start: int, stop: int, kind: str) -> bytes | None:
        path = self._path(key, start, stop, kind)
        try:
            content = self._files.cat_file(path)
        except FileNotFoundError:
            return None
        header, _, body = content.partition(b"\n")
        if header != _header(key, start, stop, body):
            log.warning("%s damaged, thrown away: %s", kind, path)
            # Another process may have thrown it away in the meantime.
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(path)
            return None
        return body

    def _write(
        self,
        key: str,
        start: int,
        stop: int,
        kind: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
    ) -> None:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([columns, *rows])
        body = table.getvalue().encode()
        path = self._path(key, start, stop, kind)
        unfinished = f"{path}.{uuid4().hex}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(unfinished, _header(key, start, stop, body) + b"\n" + body)
        self._files.mv(unfinished, path)

    def _path(self, key: str, start: int, stop: int, kind: str) -> str:
        name = f"{start}-{stop}" if kind == "faces" else f"{start}-{stop}-{kind}"
        return f"{self._root}/{key[:2]}/{key}/{name}.csv"


def _require_all(kept: Sequence[object] | np.ndarray, start: int, stop: int) -> None:
    if len(kept) != stop - start:
        raise ValueError(f"{len(kept)} lists for the frames {start} to {stop}")


def _header(key: str, start: int, stop: int, body: bytes) -> bytes:
    """The first line: how many rows follow, and a digest of them and of what they belong to."""
    rows = body.count(b"\n") - 1
    digest = hashlib.sha256(f"{key} {start} {stop}\n".encode() + body).hexdigest()
    return f"# rows={rows} sha256={digest}".encode()


def _rows(frames: Sequence[int], arrays: np.ndarray) -> Iterator[tuple[int, str]]:
    """One row per array, its bytes in hex: nothing is rounded."""
    return zip(frames, (each.tobytes().hex() for each in arrays), strict=True)


def _values(body: bytes, dtype: type[np.generic]) -> np.ndarray:
    """All arrays of a table of `_rows`, one after another."""
    table = csv.DictReader(io.StringIO(body.decode()))
    return np.frombuffer(bytes.fromhex("".join(row["values"] for row in table)), dtype)


def _parse(body: bytes, start: int, stop: int) -> list[list[Detection]]:
    detections: list[list[Detection]] = [[] for _ in range(start, stop)]
    for row in csv.DictReader(io.StringIO(body.decode())):
        face = Detection(*(float(row[column]) for column in COLUMNS[1:]))
        detections[int(row["frame"]) - start].append(face)
    return detections
