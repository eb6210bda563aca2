"""Quotas of one client: unfinished jobs, and bytes of uploads."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs.records import FINAL, OPEN_SEARCH, FaceSearch, Job, Transfer, Upload
from media.errors import NamedError


def check_open_jobs(session: Session, owner: str, client: str | None, limit: int) -> None:
    """Raises NamedError `too-many-jobs` when one more would be too many; 0 is no limit.

    Those of an owner are counted, and those of a `client`: another cookie gives no more.
    """
    unfinished = sa.select(sa.func.count()).where(Job.state.not_in(FINAL))
    mine = [Job.owner == owner, *([Job.client == client] if client else [])]
    if limit and max(session.scalar(unfinished.where(each)) or 0 for each in mine) >= limit:
        raise NamedError(
            "too-many-jobs",
            f"{limit} of your videos are not finished yet; more are not begun before.",
            "Wait until one is done, answer one that asks who speaks, or cancel one.",
        )


def check_open_searches(session: Session, upload: Upload, limit: int) -> None:
    """Raises NamedError `too-many-jobs` when one more search for faces, in this upload, would be
    too many for its owner or client; 0 is no limit.
    """
    count = sa.select(sa.func.count(FaceSearch.upload_id))
    joined = count.join(Upload, Upload.id == FaceSearch.upload_id)
    unfinished = joined.where(FaceSearch.state.in_(OPEN_SEARCH))
    mine = [Upload.owner == upload.owner]
    if upload.client:
        mine.append(Upload.client == upload.client)
    if limit and max(session.scalar(unfinished.where(each)) or 0 for each in mine) >= limit:
        raise NamedError(
            "too-many-jobs",
            f"Faces are still looked for in {limit} of your files.",
            "Wait until that has ended, or start the job: it looks for them itself.",
        )


def check_bytes(session: Session, owner: str, client: str | None, more: int, limit: int) -> None:
    """Raises NamedError `too-much-stored` when `more` bytes would be too many; 0 is no limit.

    Those of an owner are counted, and those of a `client`, as above. Files that are still being
    sent count with all the bytes that were announced.
    """
    if limit and more + max(_bytes_here(session, owner, client)) > limit:
        raise NamedError(
            "too-much-stored",
            f"Your files would take more than {limit / 1024**3:.3g} GiB here.",
            "Delete videos that you do not need any more: their files go with them.",
        )


def _bytes_here(session: Session, owner: str, client: str | None) -> Iterator[int]:
    """The bytes of an owner's uploads and transfers, and those of a client's."""
    named = {"owner": owner, **({"client": client} if client else {})}
    for column, name in named.items():
        uploads = sa.select(sa.func.sum(Upload.bytes)).where(getattr(Upload, column) == name)
        coming = sa.select(sa.func.sum(Transfer.bytes)).where(
            getattr(Transfer, column) == name, Transfer.upload_id.is_(None)
        )
        yield sum(session.scalar(each) or 0 for each in (uploads, coming))
