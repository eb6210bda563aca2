"""Be told how jobs go on: SECRET=... python docs/receiver.py PORT

Prints what it is told. A job whose "webhook" has this SECRET and the address of this program (which
must be public and https, or be listed in WEBHOOK_ALLOW where the jobs are made) tells it.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["SECRET"].encode()
FIVE_MINUTES = 300
seen = set()  # a real receiver keeps this in its database


def is_genuine(signature: str, body: bytes) -> bool:
    """Whether it is signed with our secret, and was so just now: t=SECONDS,v1=HMAC."""
    seconds, _, code = signature.removeprefix("t=").partition(",v1=")
    expected = hmac.new(SECRET, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    right = hmac.compare_digest(code.encode(), expected.encode())
    return right and abs(time.time() - int(seconds)) < FIVE_MINUTES


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        genuine = is_genuine(self.headers.get("X-Mouth-Signature", ""), body)
        # Answer first: who works on it before is told again after five seconds of silence.
        self.send_response(204 if genuine else 403)
        self.end_headers()
        if genuine and (told := json.loads(body))["id"] not in seen:
            seen.add(told["id"])  # the same may come twice
            print(told["event"], told["job"]["id"], told["job"]["result"], flush=True)


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
