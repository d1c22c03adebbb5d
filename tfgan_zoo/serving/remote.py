"""How a client talks to TF Serving, whether it waits or not: channels with and without TLS, tries, and what errors mean."""

import dataclasses
import random
import re
import time
from pathlib import Path

from tfgan_zoo.core.errors import ZooError

# What would do, by the name of gRPC's status code.
ADVICE = {
    "UNAVAILABLE": "Is a server running there? `python -m tfgan_zoo.serve --zoo=export` starts one; one with TLS needs --ca.",
    "NOT_FOUND": "The names that it serves are those of its models.config; --model=NAME.",
    "DEADLINE_EXCEEDED": "Give it more time (--timeout, timeout=), or less at once (max_batch=).",
    "RESOURCE_EXHAUSTED": "Come back later, or send less at once (max_batch=, max_bytes=).",
    "UNAUTHENTICATED": "It may want a certificate: --cert and --key.",
    "PERMISSION_DENIED": "It may want another certificate: --cert and --key.",
    "UNIMPLEMENTED": "It does not speak TF Serving's gRPC; its REST port is another one.",
}


class BatchTooLargeError(Exception):
    """The server takes `limit` rows at once."""

    def __init__(self, limit):
        super().__init__(limit)
        self.limit = limit


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to talk to a server.

    address: "HOST:PORT"; ca, cert, key: PEM files, of the authority that signed the server's certificate, and of the client's
    own; TLS where any is given. timeout: seconds for one request with all its tries, of which at most `question_timeout` for
    those that ask what there is; max_batch: rows of one request; max_bytes: of one reply, estimated; first_pause,
    longest_pause: seconds before the second try and at most, doubling.
    """

    address: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    timeout: float = 60.0
    question_timeout: float = 10.0
    max_batch: int = 64
    max_bytes: int = 4 * 1024 * 1024
    first_pause: float = 0.1
    longest_pause: float = 2.0

    def __post_init__(self):
        if not re.fullmatch(r"(\[[^\]]+\]|[^\s:/]+):\d+", self.address):
            raise ZooError(f"{self.address!r} is no HOST:PORT, such as localhost:8500.")
        if bool(self.cert) != bool(self.key):
            raise ZooError("a client's certificate needs its key: give both --cert and --key, or neither.")
        for name in ("max_batch", "timeout", "question_timeout", "first_pause", "longest_pause"):
            if not getattr(self, name) > 0:
                raise ZooError(f"{name}={getattr(self, name)}: expected a number above 0.")

    def seconds(self, method):
        """For all tries of one request of a method of `client.METHODS`."""
        return self.timeout if method == "predict" else min(self.timeout, self.question_timeout)

    def credentials(self):
        """gRPC's channel credentials, None without TLS."""
        import grpc

        if not (self.ca or self.cert):
            return None
        ca, key, cert = (Path(path).read_bytes() if path else None for path in (self.ca, self.key, self.cert))
        return grpc.ssl_channel_credentials(ca, key, cert)

    def channel(self, grpc):
        """A channel of `grpc` or of `grpc.aio`. Replies may be of any size, and a lost connection is tried again soon."""
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        credentials = self.credentials()
        if credentials:
            return grpc.secure_channel(self.address, credentials, options)
        return grpc.insecure_channel(self.address, options)


class Tries:
    """The tries of one request: how long the next may take, and how long to pause after a failed one.

    what: is asked for, in words; seconds: for all tries; draw: a number in [0, 1), so that many clients do not come back at once.
    """

    def __init__(self, settings, what, seconds, draw=random.random):
        self.settings, self.what, self.seconds, self.draw = settings, what, seconds, draw
        self.started, self.failed = time.monotonic(), 0

    def left(self):
        """Seconds until the deadline, for a try: more than 0."""
        return max(self.remaining(), 0.001)

    def remaining(self):
        """Seconds until the deadline, below 0 after it."""
        return self.seconds - (time.monotonic() - self.started)

    def pause(self, error):
        """Seconds to wait before the next try.

        Args:
            error: a `grpc.RpcError`.

        Raises:
            BatchTooLargeError: fewer rows would do.
            ZooError: another try is of no use, or would be too late.
        """
        code, details = error.code().name, error.details() or ""
        limit = re.search(r"larger than maximum input batch size (\d+)", details)
        if code == "INVALID_ARGUMENT" and limit:
            raise BatchTooLargeError(int(limit[1]))
        self.failed += 1
        pause = min(self.settings.first_pause * 2.0 ** min(self.failed - 1, 100), self.settings.longest_pause)
        pause *= 0.5 + self.draw() / 2
        if code == "UNAVAILABLE" and pause < self.remaining():
            return pause
        tries = f" after {self.failed} tries" if self.failed > 1 else ""
        kind = "RESOURCE_EXHAUSTED" if "queue" in details else code  # a server is there, and its queue is full
        advice = f" {ADVICE[kind]}" if kind in ADVICE else ""
        raise ZooError(f"{self.settings.address}, {self.what}{tries}: {code}: {details.rstrip('.')}.{advice}")
