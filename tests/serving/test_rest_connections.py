"""REST's connections: CORS headers, and the bounds on how many there are and how long their headers take."""

import http.client
import re
import socket
import time

import pytest

from tests.small_server import help_text, running, save_picks, wait_for

PREFLIGHT = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    save_picks(folder / "picks" / "1")
    return folder


def ask(server, method, path, body=None, **headers):
    """(status, headers, body) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server.rest_port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize("cors", [True, False])
def test_cors_headers_are_sent_by_the_flag_and_options_is_answered_either_way(zoo, cors):
    with running(zoo=zoo, rest_cors=cors) as server:
        for status, request in (
            (200, ("OPTIONS", "/v1/models/picks:predict")),
            (200, ("POST", "/v1/models/picks:predict", b'{"instances": [1]}')),
            (400, ("POST", "/v1/models/picks:predict", b"{")),
            (404, ("GET", "/v1/models/unknown")),
        ):
            actual, headers, body = ask(server, *request, **PREFLIGHT)
            assert actual == status
            assert {name: value for name, value in headers.items() if name in CORS} == (CORS if cors else {})
            assert (body == b"") == (request[0] == "OPTIONS")
        status, _, body = ask(server, "OPTIONS", "/v1/models/picks:predict")
        assert (status, b"Origin header is missing in CORS preflight" in body) == (400, True)
        assert not CORS.keys() & ask(server, "GET", "/monitoring/prometheus/metrics", **PREFLIGHT)[1].keys()
    assert re.search(r"--\[no\]rest_api_enable_cors_support: [^(]*\(default: 'false'\)", help_text())


def test_a_connection_whose_headers_never_end_is_closed_and_others_stay(zoo):
    with running(zoo=zoo, rest_header_seconds=1.0) as server:
        address = ("127.0.0.1", server.server.rest_port)
        with (
            socket.create_connection(address, timeout=20) as good,
            socket.create_connection(address, timeout=20) as slow,
        ):
            ask_again = b"GET /v1/models/picks HTTP/1.1\r\nHost: x\r\n\r\n"
            good.sendall(ask_again)
            assert good.recv(15) == b"HTTP/1.1 200 OK"
            start = time.monotonic()
            slow.sendall(b"GET /v1/models/picks HTTP/1.1\r\nHost: x\r\n")
            slow.settimeout(0.1)
            ended = False
            while not ended and time.monotonic() < start + 20:
                try:
                    ended = slow.recv(1) == b""
                    slow.sendall(b"x: y\r\n")
                except TimeoutError:
                    slow.sendall(b"x")  # a byte now and then does not count as an end
                except ConnectionError:
                    ended = True
            assert ended
            assert time.monotonic() - start < 15
            good.recv(10_000)
            good.sendall(ask_again)
            assert good.recv(15) == b"HTTP/1.1 200 OK"
        wait_for(lambda: not server.server.rest.open)


def test_connections_beyond_the_bound_are_told_so_and_closed(zoo):
    with running(zoo=zoo, rest_connections=2) as server:
        held = [socket.create_connection(("127.0.0.1", server.server.rest_port), timeout=20) for _ in range(2)]
        wait_for(lambda: len(server.server.rest.open) == 2)
        with socket.create_connection(("127.0.0.1", server.server.rest_port), timeout=20) as third:
            reply = b""
            while data := third.recv(1000):
                reply += data
        assert re.match(
            rb'HTTP/1\.1 503 .*\r\n\r\n\{"error": "The server has 2 connections, .*retry later"\}', reply, re.DOTALL
        )
        held.pop().close()
        wait_for(lambda: len(server.server.rest.open) == 1)
        assert server.rest("/v1/models/picks")[0] == 200
        held.pop().close()
