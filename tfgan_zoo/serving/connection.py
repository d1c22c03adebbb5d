"""How the clients connect to TF Serving: channels with and without TLS, retries, and advice on errors."""

import dataclasses
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfgan_zoo.core.errors import ZooError

# What to do about an error, by the name of gRPC's status code.
ADVICE = {
    "UNAVAILABLE": "Is a server running there? `python -m tfgan_zoo.serve --zoo=export` starts one; one with TLS needs --ca.",
    "NOT_FOUND": "The server's models.config lists the names that it serves; choose one with --model=NAME.",
    "DEADLINE_EXCEEDED": "Allow more time (--timeout, timeout=) or send smaller batches (max_batch=).",
    "RESOURCE_EXHAUSTED": "Try again later, or send smaller batches (max_batch=, max_bytes=).",
    "UNAUTHENTICATED": "The server may require a client certificate: --cert and --key.",
    "PERMISSION_DENIED": "The server may require another client certificate: --cert and --key.",
    "UNIMPLEMENTED": "This port does not speak TF Serving's gRPC; it may be the REST port.",
}


class BatchTooLargeError(Exception):
    """The server accepts at most `limit` rows per request."""

    def __init__(self, limit: int):
        super().__init__(limit)
        self.limit = limit


@dataclasses.dataclass(frozen=True)
class ClientSettings:
    """How to talk to a server.

    Attributes:
        address: "HOST:PORT".
        ca: PEM file of the authority that signed the server's certificate.
        cert, key: PEM files of the client's own certificate and key. Any of the three turns TLS on.
        timeout: seconds for one request including its retries.
        metadata_timeout: the same for status and metadata requests, if shorter than `timeout`.
        max_batch: rows per request.
        max_bytes: of one reply, estimated from the metadata.
        initial_backoff: seconds before the first retry, doubling from there.
        max_backoff: seconds between retries at most.
    """

    address: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    timeout: float = 60.0
    metadata_timeout: float = 10.0
    max_batch: int = 64
    max_bytes: int = 4 * 1024 * 1024
    initial_backoff: float = 0.1
    max_backoff: float = 2.0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(\[[^\]]+\]|[^\s:/]+):\d+", self.address):
            raise ZooError(f"address={self.address!r}: expected HOST:PORT, such as localhost:8500.")
        if bool(self.cert) != bool(self.key):
            raise ZooError("a client's certificate needs its key: give both --cert and --key, or neither.")
        for name in ("max_batch", "timeout", "metadata_timeout", "initial_backoff", "max_backoff"):
            if not getattr(self, name) > 0:
                raise ZooError(f"{name}={getattr(self, name)}: expected a number above 0.")

    def method_timeout(self, method: str) -> float:
        """Seconds for one request, including its retries, of a method of `client.METHODS`."""
        return self.timeout if method == "predict" else min(self.timeout, self.metadata_timeout)

    def credentials(self) -> Any:
        """gRPC's channel credentials, or None without TLS."""
        import grpc

        if not (self.ca or self.cert):
            return None
        ca, key, cert = (Path(path).read_bytes() if path else None for path in (self.ca, self.key, self.cert))
        return grpc.ssl_channel_credentials(ca, key, cert)

    def channel(self, grpc: Any) -> Any:
        """A channel of the module `grpc` or `grpc.aio`, which accepts replies of any size and reconnects quickly."""
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


class Retry:
    """The retries of one request: how long the next attempt may take, and how long to back off after a failed one.

    Args:
        subject: what the request is about, for error messages.
        seconds: for all attempts together.
        jitter: returns a number in [0, 1), so that many clients do not retry at the same moment.
    """

    def __init__(
        self, settings: ClientSettings, subject: str, seconds: float, jitter: Callable[[], float] = random.random
    ):
        self.settings, self.subject, self.seconds, self.jitter = settings, subject, seconds, jitter
        self.started, self.failures = time.monotonic(), 0

    def attempt_timeout(self) -> float:
        """Seconds until the deadline, always above 0."""
        return max(self.remaining(), 0.001)

    def remaining(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self.seconds - (time.monotonic() - self.started)

    def backoff(self, error: Any) -> float:
        """Seconds to wait before the next attempt.

        Args:
            error: a `grpc.RpcError`.

        Raises:
            BatchTooLargeError: the server accepts only smaller batches.
            ZooError: the error is not worth a retry, or the deadline would pass.
        """
        code, details = error.code().name, error.details() or ""
        limit = re.search(r"larger than maximum input batch size (\d+)", details)
        if code == "INVALID_ARGUMENT" and limit:
            raise BatchTooLargeError(int(limit[1]))
        self.failures += 1
        seconds = min(self.settings.initial_backoff * 2.0 ** min(self.failures - 1, 100), self.settings.max_backoff)
        seconds *= 0.5 + self.jitter() / 2
        if code == "UNAVAILABLE" and seconds < self.remaining():
            return seconds
        attempts = f" after {self.failures} attempts" if self.failures > 1 else ""
        kind = "RESOURCE_EXHAUSTED" if "queue" in details else code  # UNAVAILABLE also means that the queue is full
        advice = f" {ADVICE[kind]}" if kind in ADVICE else ""
        raise ZooError(f"{self.settings.address}, {self.subject}{attempts}: {code}: {details.rstrip('.')}.{advice}")
