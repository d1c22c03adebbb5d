"""The generator to sample from that a command line's flags name: a run's, an export's, or one behind a server."""

from absl import flags

RUN = flags.DEFINE_string("run", None, "A run's folder.")
EXPORT = flags.DEFINE_string("export", None, "A model's folder of an export, or one version of it.")
SERVER = flags.DEFINE_string("server", None, "HOST:PORT of TF Serving or of python -m tfgan_zoo.serve; with --model.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Of a run: latest, best or a step.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load an export whose files or graph are refused.")
MODEL = flags.DEFINE_string("model", None, "Of a server: the model's name, or NAME:VERSION or NAME:LABEL.")
CA = flags.DEFINE_string("ca", None, "Of a server with TLS: the PEM file of the authority that signed its certificate.")
CERT = flags.DEFINE_string("cert", None, "Of a server that wants one: your certificate's PEM file.")
KEY = flags.DEFINE_string("key", None, "Its key's.")
TIMEOUT = flags.DEFINE_float("timeout", 60, "Of a server: seconds for a request and its retries.", lower_bound=0.001)


def open_generator():
    """(the `Sampling`, the training data where that is points)."""
    from tfgan_zoo.errors import ZooError

    if sum(map(bool, (RUN.value, EXPORT.value, SERVER.value))) != 1:
        raise ZooError("give either --run or --export, a folder, or --server and --model; see --help.")
    if bool(SERVER.value) != bool(MODEL.value):
        raise ZooError("--server and --model belong together, such as --server=localhost:8500 --model=sngan_mnist.")
    if SERVER.value:
        return open_remote(), None
    return open_run() if RUN.value else (open_export(), None)


def open_run():
    from tfgan_zoo.exporting import real_points
    from tfgan_zoo.runs import Run
    from tfgan_zoo.serving.signatures import ExportedGenerator

    run = Run(RUN.value)
    network, prior, step = run.generator(CHECKPOINT.value)
    print(f"{RUN.value}, step {step:,}")
    return ExportedGenerator(network, prior).generator(), real_points(run)


def open_export():
    from tfgan_zoo.serving.version_folder import load_version, newest

    folder = newest(EXPORT.value)
    print(folder)
    return load_version(folder, UNSAFE.value)


def open_remote():
    from tfgan_zoo.serving import Client

    name, _, chosen = MODEL.value.partition(":")
    version, label = (int(chosen), None) if chosen.isdecimal() else (None, chosen or None)
    client = Client(SERVER.value, ca=CA.value, cert=CERT.value, key=KEY.value, timeout=TIMEOUT.value)
    generator = client.generator(name, version, label)
    print(f"{SERVER.value}, {generator.model}")
    return generator
