"""The web application: pages, the JSON API and uploads. Never torch, never a worker's code."""

from datetime import timedelta

from flask import Flask

from jobs.settings import Settings, from_environment

ENVELOPE = 64 * 1024  # bytes that a multipart body may have beside its file


def create_app(settings: Settings | None = None) -> Flask:
    """The application, ready to serve; settings are read from the environment when none are given.

    The database is brought to its newest version first.
    """
    from app import (
        allowed_hosts,
        api,
        compress,
        errors,
        forms,
        health,
        identity,
        ownership,
        pages,
        password,
        security,
        sharing,
        transfer_shares,
        upload_limits,
        weights,
    )
    from app.files import UploadRequest
    from app.proxies import behind_proxies
    from jobs.service import Jobs

    settings = settings or from_environment()
    app = Flask(__name__, template_folder="../templates", static_folder="../static")
    app.request_class = UploadRequest
    app.config.update(
        SECRET_KEY=settings.secret(),
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + ENVELOPE,
        MAX_FORM_PARTS=100,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=365),
        WORK_DIR=settings.work_dir,
    )
    app.extensions["jobs"] = jobs = Jobs(settings)
    jobs.database.migrate()
    if settings.trusted_proxies:
        app.wsgi_app = behind_proxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[assignment,method-assign]
    # In this order: a request that is refused early costs little.
    for part in (
        compress,
        errors,
        allowed_hosts,
        security,
        identity,
        password,
        ownership,
        transfer_shares,
        upload_limits,
    ):
        part.init_app(app)
    app.before_request(security.check_body)
    app.register_blueprint(health.operation)
    app.register_blueprint(pages.pages)
    app.register_blueprint(forms.forms)
    app.register_blueprint(sharing.shared)
    app.register_blueprint(weights.weights)
    app.register_blueprint(api.api)
    return app
