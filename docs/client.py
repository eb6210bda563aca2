"""Make a face talk through the API: python docs/client.py FACE VOICE RESULT.mp4

SERVER is the address of the program (http://127.0.0.1:8000 if not set); TOKEN, from `mouth token
new NAME`, is only needed where the site asks for one. Needs the package `requests`.
"""

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


face, voice, result = map(Path, sys.argv[1:])
files = {}
for role, path in (("source", face), ("voice", voice)):
    with path.open("rb") as file:
        files[role] = call("POST", f"/uploads?role={role}", files={"file": file}).json()["id"]
request = {"source": files["source"], "voices": [{"audio": files["voice"]}], "consent": True}
job = call("POST", "/jobs", json=request).json()
while job["state"] not in ("done", "failed", "cancelled"):
    if job["state"] == "choosing":  # several faces: the largest part of the video decides
        voices = [{"audio": files["voice"], "person": 1}]
        call("PUT", f"/jobs/{job['id']}/voices", json={"voices": voices})
    time.sleep(1)
    job = call("GET", f"/jobs/{job['id']}").json()
if job["error"]:
    sys.exit("{code}: {message} {remedy}".format(**job["error"]))
result.write_bytes(call("GET", f"/jobs/{job['id']}/result").content)
