"""Make a face talk: [SERVER=http://...] [TOKEN=...] python docs/client.py FACE VOICE RESULT.mp4"""

import os
import sys
import time
from pathlib import Path

import requests

API = os.environ.get("SERVER", "http://127.0.0.1:8000") + "/api/v1"
session = requests.Session()  # keeps the cookie: what it makes is its own
if token := os.environ.get("TOKEN"):
    session.headers["Authorization"] = f"Bearer {token}"


def call(method: str, path: str, **what: object) -> requests.Response:
    answer = session.request(method, API + path, timeout=60, **what)
    if not answer.ok:  # every failure has a code, a message and a remedy
        sys.exit("{code}: {message} {remedy}".format(**answer.json()))
    return answer


def upload(role: str, path: str) -> str:
    content = {"file": (path, Path(path).read_bytes())}
    return str(call("POST", f"/uploads?role={role}", files=content).json()["id"])


voice = {"audio": upload("voice", sys.argv[2])}
request = {"source": upload("source", sys.argv[1]), "voices": [voice], "consent": True}
job = call("POST", "/jobs", json=request).json()
while job["state"] not in ("done", "failed", "cancelled"):
    if job["state"] == "choosing" and not job["voices"][0]["person"]:  # several: the first speaks
        call("PUT", f"/jobs/{job['id']}/voices", json={"voices": [{**voice, "person": 1}]})
    time.sleep(1)
    job = call("GET", f"/jobs/{job['id']}").json()
if job["error"]:
    sys.exit("{code}: {message} {remedy}".format(**job["error"]))
Path(sys.argv[3]).write_bytes(call("GET", f"/jobs/{job['id']}/result").content)
