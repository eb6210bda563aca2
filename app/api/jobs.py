"""Jobs: create, read, choose speakers, retry, cancel, delete; their pictures and results."""

import json
from typing import Any

from flask import Response, request
from werkzeug.datastructures import Headers

from app import files
from app.api import representation
from app.api.blueprint import api
from app.api.body import Body
from app.api.idempotency import idempotency_key
from app.identity import client_key, visitor
from app.jobs_access import jobs, jobs_of
from jobs import sharing
from jobs.choices import Point, VoiceChoice
from jobs.errors import not_found
from jobs.webhook_url import MAX_URL_LENGTH
from jobs.webhooks import Webhook
from media.errors import NamedError
from rendering.options import LARGEST_SIDE


@api.get("/jobs")
def list_jobs() -> dict[str, Any]:
    listed = [representation.job(each) | {"previews": []} for each in jobs_of(visitor())]
    return {"jobs": listed}


@api.post("/jobs")
def create_job() -> tuple[dict[str, Any], int]:
    body = Body(request, known={"source", "voices", "options", "consent", "webhook"})
    consent = body.boolean("consent")
    if consent is False:
        raise NamedError(
            "consent-missing",
            "The people in the files must agree to this.",
            "Ask them, then send the job with “consent”: true.",
        )
    job = jobs().create_job(
        visitor(),
        body.string("source"),
        _voices(body),
        body.fields("options"),
        consent is True,
        idempotency_key(json.dumps(request.get_json(), sort_keys=True)),
        _webhook(body),
        client_key(),
    )
    return representation.job(job), 202


@api.get("/jobs/<id>")
def show_job(id: str) -> dict[str, Any]:
    return representation.job(jobs().job(id))


@api.patch("/jobs/<id>")
def rename_job(id: str) -> dict[str, Any]:
    body = Body(request, known={"name"})
    name = body.string("name") if body.has("name") else None
    return representation.job(jobs().rename(id, name))


@api.delete("/jobs/<id>")
def delete_job(id: str) -> tuple[str, int]:
    jobs().discard(id)
    return "", 204


@api.post("/jobs/<id>/cancel")
def cancel_job(id: str) -> dict[str, Any]:
    Body(request, known=set())
    return representation.job(jobs().cancel(id))


@api.post("/jobs/<id>/restore")
def restore_job(id: str) -> dict[str, Any]:
    Body(request, known=set())
    return representation.job(jobs().restore(id))


@api.put("/jobs/<id>/voices")
def choose_voices(id: str) -> dict[str, Any]:
    body = Body(request, known={"voices"})
    return representation.job(jobs().choose_voices(id, _voices(body)))


@api.post("/jobs/<id>/retry")
def retry_job(id: str) -> dict[str, Any]:
    Body(request, known=set())
    return representation.job(jobs().retry(id))


@api.post("/jobs/<id>/share")
def share_job(id: str) -> dict[str, Any]:
    Body(request, known=set())
    return representation.job(sharing.share(jobs(), id))


@api.delete("/jobs/<id>/share")
def withdraw_share(id: str) -> dict[str, Any]:
    return representation.job(sharing.withdraw(jobs(), id))


@api.post("/jobs/<id>/source")
def reuse_result(id: str) -> tuple[dict[str, Any], int]:
    Body(request, known=set())
    job = jobs().job(id)
    name = files.result_name(job.source.name, job.name)
    try:
        upload = jobs().reuse_result(visitor(), id, name, idempotency_key(""), client_key())
    except FileNotFoundError:
        raise not_found("file any more") from None
    return representation.upload(upload), 201


@api.get("/jobs/<id>/picture")
def show_picture(id: str) -> Response:
    job = jobs().job(id)
    if job.picture is None:
        raise not_found("picture yet")
    return _stored(job.picture["key"], "image/jpeg")


@api.get("/jobs/<id>/persons/<int:number>/thumbnail")
def show_thumbnail(id: str, number: int) -> Response:
    for person in jobs().job(id).persons:
        if person.number == number:
            return _stored(person.thumbnail_key, "image/jpeg")
    raise not_found("person")


@api.get("/jobs/<id>/previews/<int:number>")
def show_preview(id: str, number: int) -> Response:
    previews = jobs().job(id).previews or []
    if number >= len(previews):
        raise not_found("preview")
    return _stored(previews[number]["key"], "image/jpeg")


@api.get("/jobs/<id>/result")
def show_result(id: str) -> Response:
    job = jobs().job(id)
    if job.result_key is None:
        raise not_found("result yet")
    headers = Headers()
    kind = "attachment" if request.args.get("download") == "1" else "inline"
    headers.set("Content-Disposition", kind, **files.disposition(job.source.name, job.name))
    return _stored(job.result_key, "video/mp4", headers)


def _voices(body: Body) -> list[VoiceChoice]:
    return [
        VoiceChoice(
            voice.string("audio"),
            voice.integer("person"),
            voice.number("start", low=0.0, high=86_400.0),
            voice.number("gain", low=-60.0, high=60.0),
            _point(voice),
        )
        for voice in body.objects("voices", known={"audio", "person", "start", "gain", "point"})
    ]


def _webhook(body: Body) -> Webhook | None:
    told = body.object("webhook", known={"url", "secret"})
    if told is None:
        return None
    secret = told.string("secret") if told.has("secret") else None
    return Webhook(told.string("url", most=MAX_URL_LENGTH), secret)


def _point(voice: Body) -> Point | None:
    point = voice.object("point", known={"x", "y", "frame", "time"})
    if point is None:
        return None
    if voice.has("person"):
        raise voice.wrong("point", "the person is given already")
    if point.has("frame") and point.has("time"):
        raise point.wrong("time", "the frame is given already")
    for side in ("x", "y"):
        if not point.has(side):
            raise point.wrong(side, "it must be there")
    return Point(
        x=point.number("x", low=0.0, high=LARGEST_SIDE),
        y=point.number("y", low=0.0, high=LARGEST_SIDE),
        frame=point.integer("frame", low=0),
        time=point.number("time", low=0.0, high=86_400.0) if point.has("time") else None,
    )


def _stored(key: str, mimetype: str, headers: Headers | None = None) -> Response:
    try:
        return files.send(jobs().storage, key, mimetype, headers)
    except FileNotFoundError:
        raise not_found("file any more") from None
