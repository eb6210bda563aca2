# One image for every part: alone it runs everything (docker run -p 8000:8000 IMAGE);
# docker-compose.yml runs each process of the Procfile in a container of its own.
FROM python:3.13-slim AS build
COPY . /source
RUN pip wheel --no-deps --wheel-dir /wheels /source

FROM python:3.13-slim

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --create-home mouth
WORKDIR /srv/mouth

COPY requirements.txt .
RUN pip install torch==2.13.0 && pip install --no-deps -r requirements.txt
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-deps /wheels/*.whl \
    && install --directory --owner=mouth --mode=700 var

USER mouth
VOLUME /srv/mouth/var
ENV HOST=0.0.0.0 PORT=8000 VAR_DIR=/srv/mouth/var MOUTH_CHECKPOINTS=/srv/mouth/var/checkpoints
EXPOSE 8000
CMD ["mouth", "serve"]
