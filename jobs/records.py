"""The rows that are the truth about every job."""

import time
import uuid
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

# A job's states, in the order in which they come. Times are seconds since 1970, UTC.
STATES = (
    "uploaded",
    "detecting",
    "choosing",
    "queued",
    "rendering",
    "finishing",
    "done",
    "failed",
    "cancelled",
)
FINAL = ("done", "failed", "cancelled")
OPEN_SEARCH = ("sent", "running")  # states of a search for faces that has not ended


def new_id() -> str:
    """An identifier that cannot be guessed."""
    return uuid.uuid4().hex


class Record(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        list[float]: JSON(none_as_null=True),
        list[list[float]]: JSON(none_as_null=True),
        list[dict[str, Any]]: JSON(none_as_null=True),
        float: Float(53),
        str: String(255),
    }


class Upload(Record):
    """A file that somebody sent; its bytes are stored once, under their sha256.

    `client` is a keyed hash of the address that it came from.
    `result_of` is the job that made it, of a result that was taken as a new source.
    `speakers` are those who speak in it already: the names of their voices, and boxes in its pixels
    with the time in seconds, None where the box holds for all of it (`jobs.chaining`).
    `voice_duration` is that of its sound in seconds, as the text of a Fraction, once it was found
    to be a voice.
    """

    __tablename__ = "upload"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    client: Mapped[str | None] = mapped_column(String(64), index=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    key: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(8))
    bytes: Mapped[int] = mapped_column(BigInteger)
    info: Mapped[dict[str, Any]]
    result_of: Mapped[str | None] = mapped_column(String(32))
    speakers: Mapped[list[dict[str, Any]] | None]
    voice_duration: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(default=time.time)


class Transfer(Record):
    """A file that is sent in pieces; `upload_id` is what it became once all had come.

    `bytes` is the length that was announced, and `told` what the sender says of the file, in the
    words of tus (Upload-Metadata). `client` is as that of an upload. How much is here is the size
    of the partial file.
    """

    __tablename__ = "transfer"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    client: Mapped[str | None] = mapped_column(String(64), index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    told: Mapped[str] = mapped_column(String(2000), default="")
    upload_id: Mapped[str | None] = mapped_column(String(32))
    created: Mapped[float] = mapped_column(default=time.time)


class Job(Record):
    """One request: a source, voices, options, and how far it is.

    `picture` is what the boxes of the persons lie in: key, frame, width and height. `previews` are
    frames to look through: frame, time in seconds, key, and boxes of person and box. `not_animated`
    are the stretches of the result as `rendering.visibility.NotAnimated` has them. `notes` are
    sentences about the result, beside those that `source.info` has about the source. `webhook` is
    whom to tell how it goes on: url, and secret or None. `client` is a keyed hash of the address
    that it came from. `name` is its owner's, None for that of the source. `link_secret` is
    in the address under which others see the result, None if it is not shared. `discarded` is when
    its owner deleted it: it is hidden, and deleted soon.
    """

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    client: Mapped[str | None] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(16), default="uploaded", index=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("upload.id"), index=True)
    options: Mapped[dict[str, Any]]
    consent: Mapped[float | None]
    error: Mapped[dict[str, Any] | None]
    picture: Mapped[dict[str, Any] | None]
    previews: Mapped[list[dict[str, Any]] | None]
    not_animated: Mapped[list[dict[str, Any]] | None]
    notes: Mapped[list[str] | None]
    result_key: Mapped[str | None]
    webhook: Mapped[dict[str, Any] | None]
    name: Mapped[str | None]
    link_secret: Mapped[str | None] = mapped_column(String(43), index=True, unique=True)
    discarded: Mapped[float | None] = mapped_column(index=True)
    created: Mapped[float] = mapped_column(default=time.time, index=True)
    updated: Mapped[float] = mapped_column(default=time.time, onupdate=time.time)

    source: Mapped[Upload] = relationship()
    voices: Mapped[list["Voice"]] = relationship(
        order_by="Voice.position", cascade="all, delete-orphan", passive_deletes=True
    )
    persons: Mapped[list["Person"]] = relationship(
        order_by="Person.number", cascade="all, delete-orphan", passive_deletes=True
    )
    segments: Mapped[list["Segment"]] = relationship(
        order_by="Segment.index", cascade="all, delete-orphan", passive_deletes=True
    )
    deliveries: Mapped[list["Delivery"]] = relationship(
        order_by="Delivery.created", cascade="all, delete-orphan", passive_deletes=True
    )


class Voice(Record):
    """One sound of a job and the number of the person who speaks it, None until chosen.

    `point` chooses a person by a place in the source: x and y in pixels, and a frame or a time in
    seconds. It is resolved once the persons are found.
    `start` is where it begins in the result, in seconds; `gain` is in decibels; `duration` is
    exact, in seconds, as the text of a Fraction.
    """

    __tablename__ = "voice"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("upload.id"), index=True)
    person: Mapped[int | None]
    point: Mapped[dict[str, Any] | None]
    duration: Mapped[str] = mapped_column(String(64))
    start: Mapped[float] = mapped_column(default=0.0)
    gain: Mapped[float] = mapped_column(default=0.0)

    upload: Mapped[Upload] = relationship()


class Person(Record):
    """Somebody who was found: `box` (x1, y1, x2, y2) in the source's frame number `frame`.

    `intervals` are [start, stop] in seconds in which they are in sight; `share` is the fraction of
    the searched frames in which they are, 0 to 1.
    """

    __tablename__ = "person"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    box: Mapped[list[float]]
    frame: Mapped[int]
    score: Mapped[float]
    thumbnail_key: Mapped[str]
    intervals: Mapped[list[list[float]]] = mapped_column(default=list)
    share: Mapped[float] = mapped_column(default=0.0)


class Segment(Record):
    """One unit of work: the frames start..stop of one step of a job.

    States: `waiting`; `sent` (a message is on its way); `running`; `done`. A `sent` or `running`
    row whose lease has run out is lost; `attempts` counts the times it was lost or broke while
    running. `holder` names the one run that may renew the lease, and `suspect` is set when that
    was not done in time: after some more time the row is lost. `seconds` is time spent on it.
    `key` leads to what it made: the name of its detections in the cache, or its file.
    """

    __tablename__ = "segment"
    __table_args__ = (UniqueConstraint("job_id", "step", "index"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), index=True)
    step: Mapped[str] = mapped_column(String(8))
    index: Mapped[int]
    start: Mapped[int]
    stop: Mapped[int]
    state: Mapped[str] = mapped_column(String(8), default="waiting", index=True)
    done_frames: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    attempts: Mapped[int] = mapped_column(default=0)
    key: Mapped[str | None]
    holder: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[float] = mapped_column(default=0.0)
    suspect: Mapped[bool] = mapped_column(default=False)


class FaceSearch(Record):
    """The search for faces in an upload, before there is a job: see `jobs.face_search`.

    States: `sent` (a message is on its way); `running`; `done`; `failed`. One that is `sent` or
    `running` and whose lease has expired is lost. The first `searched` frames were looked at, and
    `faces` have id, box, score, and the frame in which the box lies; `error` is why there are none,
    or what went wrong.
    """

    __tablename__ = "face_search"

    upload_id: Mapped[str] = mapped_column(
        ForeignKey("upload.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str] = mapped_column(String(8))
    lease_until: Mapped[float]
    searched: Mapped[int] = mapped_column(default=0)
    faces: Mapped[list[dict[str, Any]] | None]
    error: Mapped[dict[str, Any] | None]

    upload: Mapped[Upload] = relationship()


class Delivery(Record):
    """Something that a job's webhook is to be told.

    `due` is when it is tried next, in seconds since 1970; None once it was `delivered` or given up.
    While a try lasts it is when that is taken for lost. `error` is what was wrong with the last.
    """

    __tablename__ = "delivery"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=0)
    created: Mapped[float] = mapped_column(default=time.time)
    due: Mapped[float | None] = mapped_column(default=time.time, index=True)
    delivered: Mapped[float | None]
    error: Mapped[dict[str, Any] | None]


class Token(Record):
    """What lets a program in: only the sha256 of its 256 random bits is kept.

    `used` is when it was last shown, to the minute.
    """

    __tablename__ = "token"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[float] = mapped_column(default=time.time)
    used: Mapped[float | None]


class Login(Record):
    """A login with the site's password: the sha256 of its secret, and a digest of the password."""

    __tablename__ = "login"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    password: Mapped[str] = mapped_column(String(64))
    created: Mapped[float]


class RateLimitWindow(Record):
    """The requests under a key (`name`) in the window of a rate limit that ends `until`."""

    __tablename__ = "tally"

    name: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    until: Mapped[float] = mapped_column(index=True)


class IdempotencyKey(Record):
    """The header Idempotency-Key of a request, and the upload or job (`record_id`) that it made.

    `digest` is the sha256 of the request.
    """

    __tablename__ = "receipt"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    record_id: Mapped[str] = mapped_column(String(32))
    created: Mapped[float] = mapped_column(default=time.time, index=True)


class Worker(Record):
    """A worker that was heard: its `part` is a process of the Procfile, `memory` is in bytes.

    `device` is what it computes on, in words, where that matters.
    """

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str]
    seen: Mapped[float]
    memory: Mapped[int] = mapped_column(BigInteger)
    device: Mapped[str | None]


class Download(Record):
    """Weights that somebody wants fetched, by the name of their checkpoint, or that were.

    States: `waiting`, `running`, `done`, `failed`, `cancelled`. `done` and `total` are bytes.
    `holder` names the one run that may write; without a sign of it until `lease_until` it is lost.
    """

    __tablename__ = "download"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[dict[str, Any] | None]
    holder: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[float]


class Counter(Record):
    """A number of `jobs.metrics`, counted by all processes together.

    `label` tells what of, such as a step; `bound` is the upper one of a bucket, or empty.
    """

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    label: Mapped[str] = mapped_column(String(64), primary_key=True)
    bound: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[float]
