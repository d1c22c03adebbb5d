"""The page itself and its server, which talks to this machine's browser and to no other host."""

import collections
import contextlib
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr
import numpy as np
import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.gradio_app.latent_tab import Latents
from tfgan_zoo.gradio_app.model_library import ModelLibrary
from tfgan_zoo.gradio_app.tabs import REDRAW, Compare, Draw, Mix, Walk
from tfgan_zoo.latents.latent_files import save_latent
from tfgan_zoo.saved_model.signature_calls import Arrays

TITLE = "tfgan_zoo playground"
LOCAL = ("127.0.0.1", "localhost")
FONTS = ("system-ui", "sans-serif")
POLICY = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"  # keeps the browser from other hosts
STYLE = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
.picture img { max-height: 76vh; object-fit: contain; }
.card p { margin: 0 0 4px; } .card .facts, .caption { font-size: var(--text-sm); }
.card .facts, .caption { color: var(--body-text-color-subdued); } .card a { padding: 0 !important; margin: 0 !important; }
"""
LARGEST_UPLOAD = "16mb"  # a picture from a camera
MAX_FILES = 64  # on disk: browsers fetch one as soon as it is drawn


class SavedFiles:
    """The `MAX_FILES` latest pictures as files, each in a folder of its own, so that a download has a descriptive name.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folders: collections.deque[str] = collections.deque()

    def new_path(self, name: str) -> Path:
        """The path of a new file. Deletes the oldest one if there are too many."""
        folder = tempfile.mkdtemp(dir=self.folder)
        self.folders.append(folder)
        if len(self.folders) > MAX_FILES:
            shutil.rmtree(self.folders.popleft(), ignore_errors=True)
        return Path(folder) / name

    def png(self, name: str, image: np.ndarray) -> str:
        """The path of an image uint8 [H, W, C], written to NAME.png."""
        path = self.new_path(f"{name}.png")
        pictures.save_png(image, path)
        return str(path)

    def gif(self, name: str, frames: np.ndarray) -> str:
        """The path of an animation uint8 [N, H, W, C], written to NAME.gif."""
        path = self.new_path(f"{name}.gif")
        pictures.save_animation(frames, path)
        return str(path)

    def latent(self, name: str, inputs: Arrays) -> str:
        """The path of a latent, {name: array [1, ...]}, written to NAME.npz."""
        path = self.new_path(f"{name}.npz")
        save_latent(path, inputs)
        return str(path)


class SameOriginPolicy:
    """ASGI middleware that tells browsers to fetch from this server only."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", POLICY)]
            await send(message)

        await self.app(scope, receive, send_with_policy)


def blocks(library: ModelLibrary, files: SavedFiles) -> gr.Blocks:
    """The page as Gradio's `Blocks`. A model is loaded when a tab that draws from it is first shown."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown(f"# {TITLE}")
        offered = [tab_class for tab_class in (Draw, Walk, Mix, Compare) if tab_class.offered(library)]
        for number, tab_class in enumerate(offered):
            with gr.Tab(tab_class.__name__) as container:
                tab = tab_class(library, files)
            (page.load if number == 0 else container.select)(*tab.redraw, **REDRAW)
        with gr.Tab(Latents.__name__):
            Latents(library, files)
    return page


def application(library: ModelLibrary, files: SavedFiles, host: str) -> fastapi.FastAPI:
    """The ASGI application of the page."""
    features_off = {
        "footer_links": [], "run_history": False, "enable_monitoring": False, "ssr_mode": False, "pwa": False,
    }  # fmt: skip
    docs_off: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    app = fastapi.FastAPI(**docs_off)
    theme = gr.themes.Default(font=FONTS, font_mono=("ui-monospace", "monospace"))
    theme.set(body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500")  # legible on white
    mounted = gr.mount_gradio_app(
        app,
        blocks(library, files),
        "/",
        app_kwargs=docs_off,
        show_error=False,
        theme=theme,
        css=STYLE,
        max_file_size=LARGEST_UPLOAD,
        **features_off,
    )
    if host in LOCAL:  # against DNS rebinding: a web site's own name that resolves to 127.0.0.1
        mounted.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL))
    mounted.add_middleware(SameOriginPolicy)
    return mounted


def serve(
    library: ModelLibrary,
    folder: str | Path,
    host: str,
    port: int,
    open_browser: bool,
    report_url: Callable[[str], None],
) -> None:
    """Serves the page until it is interrupted.

    Args:
        library: the models to offer.
        folder: for the files of what is drawn.
        host, port: where to listen; port 0 for any that is free.
        open_browser: True to show the page.
        report_url: called with the page's URL once it can be opened.

    Raises:
        ZooError: the port is taken or needs other rights, or the host is not an address of this machine.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ZooError(
            f"cannot listen at {host}, port {port}: {error.strerror}; --port=0 takes any that is free."
        ) from None
    with listener:
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        url = f"http://{name}:{listener.getsockname()[1]}/"
        config = uvicorn.Config(
            application(library, SavedFiles(folder), host), log_level="critical", timeout_graceful_shutdown=1
        )
        report_url(url)
        if open_browser:  # in a thread: a browser in the terminal returns only when it is closed
            threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
