"""Opens a local web page to draw from a zoo's generators: by seed, class, truncation and codes; see docs/playground.md.

python -m tfgan_zoo.playground --zoo=export/
python -m tfgan_zoo.playground --zoo=export/ --port=0 --noopen
"""

import os
import signal
import tempfile

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

ZOO = flags.DEFINE_string("zoo", None, "A folder of exports, <name>/<version>/; the newest version of each is shown.")
HOST = flags.DEFINE_string("host", "127.0.0.1", "The address to listen on; 0.0.0.0 for every interface.")
PORT = flags.DEFINE_integer("port", 7860, "The port to listen on; 0 for any that is free.", 0, 65535)
OPEN = flags.DEFINE_bool("open", True, "Show the page in the browser.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load exports even if their files or graph are refused.")


def load_gradio(folder: str) -> None:
    """Imports Gradio, configured to store its files in `folder` and to send no usage statistics."""
    from tfgan_zoo.core.errors import ZooError

    os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise ZooError(
            "the playground needs Gradio, which is not installed: pip install 'tfgan_zoo[playground]'."
        ) from None


def main() -> int:
    from tfgan_zoo.core.errors import ZooError

    if not ZOO.value:
        raise ZooError("give --zoo, a folder of exports, such as --zoo=export; see --help.")
    with tempfile.TemporaryDirectory(prefix="playground-") as folder:
        load_gradio(os.path.join(folder, "gradio"))
        command_line.load_tensorflow()
        from tfgan_zoo.gradio_app.gradio_page import serve
        from tfgan_zoo.gradio_app.model_library import ModelLibrary

        signal.signal(
            signal.SIGTERM, signal.default_int_handler
        )  # so that the temporary folder is deleted on either signal
        library = ModelLibrary(ZOO.value, UNSAFE.value)
        print(f"{len(library.infos)} models: {', '.join(library.infos)}", flush=True)
        serve(library, folder, HOST.value, PORT.value, OPEN.value, lambda url: print(f"Playground: {url}", flush=True))
    return 0


if __name__ == "__main__":
    command_line.run(main)
