"""The verbs of a job, without HTTP: what a page, the API or a test does with one."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.attributes import flag_modified

from jobs import disk_space, errors, idempotency, limits
from jobs.chaining import default_options, speakers_in_result
from jobs.choices import VoiceChoice
from jobs.database import Database, advisory_lock
from jobs.queue import Queue
from jobs.records import (
    FINAL,
    IdempotencyKey,
    Job,
    Person,
    Segment,
    Transfer,
    Upload,
    Voice,
    new_id,
)
from jobs.settings import Settings
from jobs.storage import Storage
from jobs.webhooks import Webhook
from media import sandbox
from media.errors import no_audio_track, not_a_face_file, not_a_voice
from media.probe import Limits
from rendering.options import Options

MAX_VOICES = 50
UNDO_SECONDS = 10.0  # for which a discarded job can be restored
ADVANCE = "workers.advance"  # the task that reads a job's rows and enqueues the next step

WHOLE_JOB = (
    selectinload(Job.source),
    selectinload(Job.voices).selectinload(Voice.upload),
    selectinload(Job.persons),
    selectinload(Job.segments),
    selectinload(Job.deliveries),
)


class Jobs:
    """Everything about jobs behind one object; as many as one likes may work side by side."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        self.storage = Storage(settings.storage, settings.work_dir)
        self.queue = Queue(settings)

    def create_upload(
        self,
        owner: str,
        path: Path,
        name: str,
        result_of: str | None = None,
        idempotency_key: IdempotencyKey | None = None,
        transfer: Transfer | None = None,
        client: str | None = None,
        speakers: list[dict[str, Any]] | None = None,
    ) -> Upload:
        """Store the file at `path`, which stays where it is; `name` is only for showing.

        `client` is where the owner is, in whatever form: its bytes are limited too, and of those
        whose files are probed it has one turn like any other.

        The result of a job and the file of a transfer do not change any more: they are hard links
        where the disk allows it. `speakers` are those of a result, see `Upload`. With an
        idempotency key that was used before, the upload of that request is returned.

        Raises MediaError for what is no picture, video or sound, or beyond the limits, and
        NamedError `disk-full`, `too-much-stored`, `key-reused`; not-found for a transfer that has
        ended meanwhile.
        """
        size = path.stat().st_size
        shared = result_of is not None or transfer is not None
        disk_space.require_for_upload(self.settings, self.database, 0 if transfer else size)
        info = sandbox.probe(path, self._probe_limits(), self._probe_bounds(), client or owner)
        copy = _hard_link if shared else shutil.copyfile
        with self.storage.scratch() as folder:
            key = self.storage.put_file(Path(copy(path, folder / "upload")))
        upload = Upload(
            id=new_id(),
            owner=owner,
            client=client,
            sha256=key.rpartition("/")[2],
            key=key,
            name=name.replace("\0", "")[-255:],
            kind=info.kind,
            bytes=size,
            info=info.to_dict(),
            result_of=result_of,
            speakers=speakers,
        )
        with self.database.write() as session:
            if idempotency_key and (
                known := idempotency.claim(session, idempotency_key, upload.id)
            ):
                return session.get_one(Upload, known)
            if transfer:  # first, so that its bytes are not counted twice
                _claim(session, transfer.id, upload.id)
            limits.check_bytes(session, owner, client, size, self.settings.bytes_per_client)
            advisory_lock(session, key)
            session.add(upload)
            session.flush()
            if not self.storage.exists(key):  # its last other user left in this very moment
                with self.storage.scratch() as folder:
                    self.storage.put_file(Path(copy(path, folder / "upload")))
        return upload

    def reuse_result(
        self,
        owner: str,
        job_id: str,
        name: str,
        idempotency_key: IdempotencyKey | None = None,
        client: str | None = None,
    ) -> Upload:
        """Make an upload of a finished result, so that another job can start from it.

        Raises NamedError not-found, not-now, and as `create_upload`.
        """
        job = self.job(job_id)
        if job.state != "done" or job.result_key is None:
            raise errors.wrong_state(job.state, "used as a source")
        with self.storage.local(job.result_key) as path:
            return self.create_upload(
                owner,
                path,
                name,
                job_id,
                idempotency_key,
                client=client,
                speakers=speakers_in_result(job),
            )

    def create_job(
        self,
        owner: str,
        source_id: str,
        voices: Sequence[VoiceChoice],
        options: Mapping[str, Any] | None = None,
        consent: bool = False,
        idempotency_key: IdempotencyKey | None = None,
        webhook: Webhook | None = None,
        client: str | None = None,
    ) -> Job:
        """Start a job of the owner's own uploads, of which a `webhook` is told how it goes on.

        `client` is where the owner is, in whatever form: its jobs are limited too. For another
        job's result other `options` are usual, see `jobs.chaining`. With an idempotency key that
        was used before, the job of that request is returned.

        Raises NamedError: not-found, bad-option, no-voice, too-long, too-many-jobs, key-reused,
        bad-webhook, and MediaError for a source without a picture and a voice that cannot drive a
        mouth.
        """
        source = self._upload(owner, source_id)
        if source.kind == "audio":
            raise not_a_face_file()
        spoken = self._voices(owner, voices)
        asked = options or {}
        usual = default_options(source, spoken, asked)
        checked = Options.from_dict({**usual, **asked}, self.settings.checkpoint)
        job = Job(
            id=new_id(),
            owner=owner,
            client=client,
            source_id=source_id,
            options=checked.to_dict(),
            consent=time.time() if consent else None,
            webhook=webhook and webhook.record(self.settings.webhook_allow),
        )
        job.voices = spoken
        with self.database.write() as session:
            if idempotency_key and (known := idempotency.claim(session, idempotency_key, job.id)):
                return session.get_one(Job, known, options=WHOLE_JOB)
            limits.check_open_jobs(session, owner, client, self.settings.open_jobs_per_client)
            session.add(job)
        self.queue.enqueue(ADVANCE, job.id)
        return self.job(job.id)

    def job(self, job_id: str) -> Job:
        """A job that is loaded whole. Raises NamedError not-found, also if it is discarded."""
        with self.database.read() as session:
            job = session.get(Job, job_id, options=WHOLE_JOB)
            if job and job.discarded is None:
                return job
        raise errors.not_found("job")

    def choose_voices(self, job_id: str, voices: Sequence[VoiceChoice]) -> Job:
        """Answer who speaks what. Raises NamedError: no-such-person, not-now, as `create_job`.

        Voices that end later than the first ones may need more of the source searched: then the
        job goes back to detecting, and asks again, because persons are numbered anew.
        """
        chosen = self._voices(self.job(job_id).owner, voices)
        with self.database.write() as session:
            job = _locked(session, job_id)
            wrong_person = job.state == "failed" and (job.error or {}).get("code") == (
                "no-such-person"
            )
            if job.state != "choosing" and not wrong_person:
                raise errors.wrong_state(job.state, "given other voices")
            known = [person.number for person in job.persons]
            for voice in chosen:
                if voice.person is not None and voice.person not in known:
                    raise errors.no_such_person(voice.person, known)
            job.voices.clear()
            session.flush()
            job.voices.extend(chosen)
            job.state, job.error = "choosing", None
        self.queue.enqueue(ADVANCE, job_id)
        return self.job(job_id)

    def cancel(self, job_id: str) -> Job:
        """Stop a job and remove what was made for it; a job that has ended stays as it is."""
        with self.database.write() as session:
            job = _locked(session, job_id)
            _stop(session, job)
        if job.state == "cancelled":
            self.storage.delete_folder(f"jobs/{job_id}")
        return self.job(job_id)

    def discard(self, job_id: str) -> None:
        """Stop a job and hide it; it is deleted after UNDO_SECONDS, see `jobs.retention`."""
        with self.database.write() as session:
            job = _locked(session, job_id)
            _stop(session, job)
            job.discarded = time.time()
            flag_modified(job, "updated")
            idempotency.release(session, job_id)
        if job.state == "cancelled":
            self.storage.delete_folder(f"jobs/{job_id}")

    def restore(self, job_id: str) -> Job:
        """Bring a discarded job back. Raises NamedError not-found once it is deleted."""
        with self.database.write() as session:
            job = _locked(session, job_id, discarded=True)
            job.discarded = None
            flag_modified(job, "updated")  # it is kept no longer for that
        return self.job(job_id)

    def rename(self, job_id: str, name: str | None) -> Job:
        """Call a job by a name, or with None by that of its source again."""
        with self.database.write() as session:
            job = _locked(session, job_id)
            job.name = name
            flag_modified(job, "updated")  # it is kept no longer for that
        return self.job(job_id)

    def retry(self, job_id: str) -> Job:
        """Let a failed job go on from the segments that are done, a cancelled one from the start.

        Raises NamedError not-found, not-now, too-many-jobs.
        """
        with self.database.write() as session:
            job = _locked(session, job_id)
            if job.state not in ("failed", "cancelled"):
                raise errors.wrong_state(job.state, "retried")
            limits.check_open_jobs(
                session, job.owner, job.client, self.settings.open_jobs_per_client
            )
            job.state, job.error = "uploaded", None
            for segment in job.segments:
                if segment.state != "done":
                    segment.state, segment.attempts, segment.holder = "waiting", 0, None
        self.queue.enqueue(ADVANCE, job_id)
        return self.job(job_id)

    def delete(self, job_id: str) -> None:
        """Remove a job in any state, all its files, and its uploads that no other job uses."""
        with self.database.write() as session:
            job = _locked(session, job_id, discarded=True)
            used = {job.source_id, *(voice.upload_id for voice in job.voices)}
            session.delete(job)
            idempotency.release(session, job_id)
            session.flush()
            for upload_id in used:
                if not _is_used(session, upload_id):
                    self._remove_upload(session, session.get_one(Upload, upload_id))
        self.storage.delete_folder(f"jobs/{job_id}")

    def delete_upload(self, upload_id: str) -> None:
        """Remove an upload. Raises NamedError not-found, not-now while a job uses it."""
        with self.database.write() as session:
            if not (upload := session.get(Upload, upload_id)):
                raise errors.not_found("upload")
            if _is_used(session, upload_id):
                raise errors.wrong_state("using this file", "left without it")
            self._remove_upload(session, upload)

    def remove_unclaimed(self, key: str) -> bool:
        """Remove an upload's file if there is no upload that has it; whether it was removed."""
        with self.database.write() as session:
            advisory_lock(session, key)
            if session.scalar(sa.select(Upload.id).where(Upload.key == key).limit(1)):
                return False
            self.storage.delete(key)
        return True

    def _remove_upload(self, session: Session, upload: Upload) -> None:
        # Within the transaction: `create_upload` checks within its own that the file is there.
        advisory_lock(session, upload.key)
        session.delete(upload)
        idempotency.release(session, upload.id)
        session.flush()
        others = sa.select(sa.func.count()).where(Upload.sha256 == upload.sha256)
        if not session.scalar(others):
            self.storage.delete(upload.key)
            self.storage.delete_folder(f"detections/{upload.sha256}")

    def poster(self, owner: str, upload_id: str) -> bytes:
        """A small JPEG of an upload of the owner's own, see `media.poster`.

        Raises NamedError not-found, also for a sound, and MediaError as `media.poster.poster`.
        """
        upload = self._upload(owner, upload_id)
        if upload.kind == "audio":
            raise errors.not_found("picture of a sound")
        with self.storage.local(upload.key) as path:
            return sandbox.poster(path, self._probe_bounds(), upload.client or owner)

    def voice_duration(self, upload: Upload) -> Fraction:
        """The length of an upload's sound in seconds.

        Raises MediaError for what cannot drive a mouth.
        """
        if upload.kind == "image":
            raise not_a_voice()
        if not upload.info["has_audio"]:
            raise no_audio_track()
        if upload.voice_duration is None:
            with self.storage.local(upload.key) as path:
                client = upload.client or upload.owner
                found = sandbox.voice_duration(path, self._probe_bounds(), client)
            upload.voice_duration = str(found)
            mine = sa.update(Upload).where(Upload.id == upload.id)
            with self.database.write() as session:
                session.execute(mine.values(voice_duration=upload.voice_duration))
        return Fraction(upload.voice_duration)

    def _voices(self, owner: str, choices: Sequence[VoiceChoice]) -> list[Voice]:
        if not choices:
            raise errors.no_voice()
        if len(choices) > MAX_VOICES:
            raise errors.too_many_voices(MAX_VOICES)
        voices = []
        for position, choice in enumerate(choices):
            upload = self._upload(owner, choice.upload_id)
            duration = self.voice_duration(upload)
            if choice.start + duration > self.settings.max_seconds:
                raise errors.result_too_long(self.settings.max_seconds)
            voices.append(
                Voice(
                    position=position,
                    upload_id=upload.id,
                    person=choice.person,
                    duration=str(duration),
                    start=choice.start,
                    gain=choice.gain,
                    point=asdict(choice.point) if choice.point else None,
                )
            )
        return voices

    def _upload(self, owner: str, upload_id: str) -> Upload:
        with self.database.read() as session:
            upload = session.get(Upload, upload_id)
            if upload and upload.owner == owner:
                return upload
        raise errors.not_found("upload")

    def _probe_limits(self) -> Limits:
        return Limits(
            bytes=self.settings.max_upload_bytes, duration=Fraction(self.settings.max_seconds)
        )

    def _probe_bounds(self) -> sandbox.Bounds:
        return sandbox.Bounds(self.settings.probe_memory, self.settings.probe_seconds)


def _locked(session: Session, job_id: str, discarded: bool = False) -> Job:
    """The job, kept from changes by others until the transaction ends.

    One that is discarded is there only for those who ask for it.
    """
    job = session.get(Job, job_id, with_for_update=True)
    if job and (discarded or job.discarded is None):
        return job
    raise errors.not_found("job")


def _stop(session: Session, job: Job) -> None:
    """Cancel a job that has not ended, and forget what was made for it."""
    if job.state not in FINAL:
        job.state = "cancelled"
        _delete_work(session, job)


def _claim(session: Session, transfer_id: str, upload_id: str) -> None:
    """Let a transfer have become an upload. Raises NamedError not-found."""
    mine = sa.update(Transfer).where(Transfer.id == transfer_id).values(upload_id=upload_id)
    if not session.scalar(mine.returning(Transfer.id)):
        raise errors.not_found("transfer")


def _delete_work(session: Session, job: Job) -> None:
    for record in (Segment, Person):
        session.execute(sa.delete(record).where(record.job_id == job.id))
    job.picture = job.previews = job.not_animated = job.notes = None


def _hard_link(path: Path, target: Path) -> Path:
    """The file under another name too; a copy where the two are on different disks."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)
    return target


def _is_used(session: Session, upload_id: str) -> bool:
    by_source = sa.exists().where(Job.source_id == upload_id)
    by_voice = sa.exists().where(Voice.upload_id == upload_id)
    return bool(session.scalar(sa.select(sa.or_(by_source, by_voice))))
