"""Free disk space and the quota: checked before work begins, so that nothing fails half-way."""

import shutil

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs import errors
from jobs.database import Database
from jobs.records import Counter, Upload
from jobs.settings import Settings

STORED = "stored_bytes"  # the counter of what all files take, and of when that was measured


def require_for_upload(settings: Settings, database: Database, size: int, partial: int = 0) -> None:
    """Raises NamedError `disk-full` if `size` more bytes would leave less than the reserve, or
    exceed the quota together with the `partial` bytes of files that are still being sent.
    """
    if free_bytes(settings) - size < settings.disk_reserve_bytes:
        raise errors.disk_full()
    if settings.disk_quota_bytes:
        with database.read() as session:
            if stored_bytes(session) + partial + size > settings.disk_quota_bytes:
                raise errors.quota_reached(settings.disk_quota_bytes)


def require_for_work(settings: Settings) -> None:
    """Raises NamedError `disk-full` below a quarter of the reserve that uploads have to leave."""
    if free_bytes(settings) < settings.disk_reserve_bytes / 4:
        raise errors.disk_full()


def free_bytes(settings: Settings) -> int:
    """Bytes that are free where half-written files and, by default, all others live."""
    folder = settings.var_dir
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free


def stored_bytes(session: Session) -> float:
    """Bytes of all media files: as last measured, and of the uploads since then."""
    rows = sa.select(Counter.label, Counter.value).where(Counter.name == STORED)
    seen: dict[str, float] = dict(session.execute(rows).all())
    later = sa.select(sa.func.sum(Upload.bytes)).where(Upload.created > seen.get("at", 0.0))
    return float(seen.get("bytes", 0.0) + (session.scalar(later) or 0))


def record_stored_bytes(session: Session, size: int, now: float) -> None:
    """Save that all media files take `size` bytes at the time `now`."""
    session.execute(sa.delete(Counter).where(Counter.name == STORED))
    for label, value in (("bytes", size), ("at", now)):
        session.add(Counter(name=STORED, label=label, bound="", value=float(value)))
