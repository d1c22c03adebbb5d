"""The page itself and its server, which talks to this machine's browser and to nobody else."""

import collections
import contextlib
import shutil
import socket
import tempfile
import threading
import webbrowser
from pathlib import Path

import fastapi
import gradio as gr
import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.gradio_app.tabs import DRAWING, Compare, Draw, Walk

TITLE = "tfgan_zoo playground"
LOCAL = ("127.0.0.1", "localhost")
FONTS = ("system-ui", "sans-serif")
POLICY = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"  # a browser that heeds it asks no other host
STYLE = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
.picture img { max-height: 76vh; object-fit: contain; }
.card p { margin: 0 0 4px; } .card .facts, .caption { font-size: var(--text-sm); }
.card .facts, .caption { color: var(--body-text-color-subdued); } .card a { padding: 0 !important; margin: 0 !important; }
"""
PICTURES = 64  # files kept: browsers fetch one as soon as it is drawn


class SavedFiles:
    """Files of what was drawn lately, each in a folder of its own, so that their names can tell what they are.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder):
        self.folder, self.places = Path(folder), collections.deque()

    def place(self, name):
        made = tempfile.mkdtemp(dir=self.folder)
        self.places.append(made)
        if len(self.places) > PICTURES:
            shutil.rmtree(self.places.popleft(), ignore_errors=True)
        return Path(made) / name

    def png(self, name, image):
        """The path, as text, of an image uint8 [H, W, C]."""
        path = self.place(f"{name}.png")
        pictures.save_png(image, path)
        return str(path)

    def gif(self, name, frames):
        """The path, as text, of an animation uint8 [N, H, W, C]."""
        path = self.place(f"{name}.gif")
        pictures.save_animation(frames, path)
        return str(path)


class AmongOurselves:
    """An ASGI application whose pages may fetch from their own server alone."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def answer(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", POLICY)]
            await send(message)

        await self.app(scope, receive, answer)


def blocks(library, keep):
    """The page as Gradio's `Blocks`: models load when a tab that draws from them is first looked at."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown(f"# {TITLE}")
        for number, kind in enumerate((Draw, Walk, Compare)):
            with gr.Tab(kind.__name__) as shown:
                tab = kind(library, keep)
            (page.load if number == 0 else shown.select)(*tab.redrawn, **DRAWING)
    return page


def application(library, keep, host):
    """The ASGI application of the page."""
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    quiet = {"footer_links": [], "run_history": False, "enable_monitoring": False, "ssr_mode": False, "pwa": False}
    silent = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    theme = gr.themes.Default(font=FONTS, font_mono=("ui-monospace", "monospace"))
    theme.set(body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500")  # legible on white
    mounted = gr.mount_gradio_app(
        app,
        blocks(library, keep),
        "/",
        app_kwargs=silent,
        show_error=False,
        theme=theme,
        css=STYLE,
        max_file_size=1,
        **quiet,
    )
    if host in LOCAL:  # or else any web site could reach the page under a name of its own that resolves to 127.0.0.1
        mounted.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL))
    mounted.add_middleware(AmongOurselves)
    return mounted


def serve(library, folder, host, port, open_browser, say):
    """Serves the page until it is interrupted.

    Args:
        shelf: a `Shelf`.
        folder: for the files of what is drawn.
        host, port: where to listen; port 0 for any that is free.
        open_browser: whether to show it.
        say: called with the page's address once it can be opened.

    Raises:
        ZooError: the port is taken or not ours to take, or the host is no address of this machine.
    """
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ZooError(
            f"cannot listen at {host}, port {port}: {error.strerror}; --port=0 takes any that is free."
        ) from None
    with listening:
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        url = f"http://{shown}:{listening.getsockname()[1]}/"
        config = uvicorn.Config(
            application(library, SavedFiles(folder), host), log_level="critical", timeout_graceful_shutdown=1
        )
        say(url)
        if open_browser:  # on a thread: a browser in the terminal would not return before it is left
            threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
