"""The REST port's connections: at most so many at a time, each of which has to send a request's headers in bounded time."""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler

# Of a connection after its first request. Closing it sooner would cost clients that keep connections open a request now and then.
IDLE_SECONDS = 75
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"


class Connection(web.RequestHandler):
    """aiohttp's connection, which is closed if its first headers do not end in time.

    Args:
        runner: counts it.
        manager: aiohttp's server.
    """

    def __init__(self, runner: "Runner", manager: web.Server):
        loop = asyncio.get_running_loop()
        super().__init__(manager, loop=loop, access_log=None, keepalive_timeout=IDLE_SECONDS)  # type: ignore[arg-type]
        self.runner, self.timer = runner, loop.call_later(runner.header_seconds, self.close_transport)

    def close_transport(self) -> None:
        """Closes the connection."""
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.runner.open.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.timer.cancel()
        self.runner.open.discard(self)
        super().connection_lost(exc)


class Refusal(asyncio.Protocol):
    """A connection beyond the bound: it is told so and closed. most: the bound."""

    def __init__(self, most: int):
        self.text = (
            b'{"error": "The server has %d connections, which is the most that it keeps open; retry later"}' % most
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(REFUSAL % (len(self.text), self.text))
        transport.close()


class Runner(web.AppRunner):
    """aiohttp's runner of an application, with bounded connections.

    Attributes:
        open: the connections.

    Args:
        application: has to have the middleware `note_headers`.
        header_seconds: time from a connection's start to the end of its first request's headers. Later ones have
            `IDLE_SECONDS` from the end of the previous reply.
        most: the number of connections beyond which new ones are answered with 503 and closed.
        options: of `web.AppRunner`.
    """

    def __init__(self, application: web.Application, header_seconds: float, most: int, **options: Any):
        super().__init__(application, **options)
        self.header_seconds, self.most = header_seconds, most
        self.open: set[Connection] = set()

    @property
    def server(self) -> Any:
        """The protocol factory with which sites listen, None before `setup`."""
        return self.connect if super().server is not None else None

    def connect(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        if len(self.open) >= self.most:
            return Refusal(self.most)
        return Connection(self, cast(web.Server, super().server))


@web.middleware
async def note_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets a connection stay open, whose headers have ended."""
    cast(Connection, request.protocol).timer.cancel()
    return await handler(request)
