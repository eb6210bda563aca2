"""Liveness, readiness and metrics, for the operator and for orchestrators."""

import ipaddress

from flask import Blueprint, Response, jsonify, request

from app.jobs_access import jobs
from jobs import health
from jobs.errors import not_found

operation = Blueprint("operation", __name__)


@operation.get("/healthz")
def healthz() -> Response:
    """The web server answers; it may have nothing to work with."""
    return jsonify(status="ok")


@operation.get("/readyz")
def readyz() -> Response:
    """Whether a job that is sent now would be worked on: 503 if not, and why."""
    found = health.readiness(jobs())
    answer = jsonify(found)
    answer.status_code = 200 if set(found.values()) == {"ok"} else 503
    return answer


@operation.get("/metrics")
def metrics() -> Response:
    """The numbers in Prometheus' text format; to others than METRICS allows there is no such page.

    Raises NamedError not-found.
    """
    allowed = jobs().settings.metrics
    if allowed != "all" and not (allowed == "local" and is_local()):
        raise not_found("page")
    return Response(health.exposition(jobs()), mimetype="text/plain; version=0.0.4")


def is_local() -> bool:
    """Whether this machine itself asks, and no proxy on behalf of somebody else."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
