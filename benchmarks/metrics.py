"""Speed and memory of the metrics beside other libraries' code for the same numbers, in turn in one run.

    python -m benchmarks.metrics                 all of it; some minutes
    python -m benchmarks.metrics --only=kid,prdc --rounds=5

    fid     50,000 x 2,048 features to the distance:  pytorch-fid (its scipy.linalg.sqrtm)
    frechet the same from the moments on, 2,048 dimensions
    kid     100 subsets of 1,000 of 5,000 x 2,048:    torch-fidelity
    prdc    5,000 x 2,048, k=5:                       prdc
    kid50k  as kid, of 50,000 x 2,048:                torch-fidelity
    prdc20k as prdc, of 20,000 x 2,048:               prdc, which needs four matrices of 20,000 x 20,000 at once
    embed   5,000 digits through mnist_cnn:           Keras' predict

Every measurement is a process of its own: the features are drawn, then the clock starts. The values must agree.
"""

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import time
import types

import numpy as np

from benchmarks import results

MARK = "measured: "


def features(count, dimension=2048):
    """Two sets of float32 features, correlated and >= 0 as those of a network are."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(64, dimension)).astype(np.float32) / 8
    return [
        np.maximum(random.normal(shift, 1, [count, 64]).astype(np.float32) @ mixing, 0)
        + random.random([count, dimension], np.float32) / 10
        for shift in (0, 0.1)
    ]


def without_torchvision():
    """Lets libraries import torchvision where it is missing: their pictures and networks are not used here."""
    with contextlib.suppress(ImportError):
        import torchvision  # noqa: F401

        return
    for name in ("torchvision", "torchvision.transforms", "torchvision.datasets", "torchvision.models"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["torchvision"].models = sys.modules["torchvision.models"]


def our_fid(real, fake):
    from tfgan_zoo.metrics.distances import frechet_distance, moments

    return frechet_distance(moments(real), moments(fake))


def pytorch_fid(real, fake):
    without_torchvision()
    from pytorch_fid.fid_score import calculate_frechet_distance

    return calculate_frechet_distance(
        np.mean(real, axis=0), np.cov(real, rowvar=False), np.mean(fake, axis=0), np.cov(fake, rowvar=False)
    )


def both_moments(real, fake):
    from tfgan_zoo.metrics.distances import moments

    return moments(real), moments(fake)


def our_frechet(real, fake):
    from tfgan_zoo.metrics.distances import frechet_distance

    return frechet_distance(real, fake)


def pytorch_fid_frechet(real, fake):
    without_torchvision()
    from pytorch_fid.fid_score import calculate_frechet_distance

    return calculate_frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)


def our_kid(real, fake):
    from tfgan_zoo.metrics.distances import kernel_distance

    return kernel_distance(real, fake, subsets=100, subset_size=1000).value


def torch_fidelity(real, fake):
    without_torchvision()
    import torch
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    settings = {"kid_subsets": 100, "kid_subset_size": 1000, "kid_degree": 3, "kid_gamma": None, "kid_coef0": 1}
    found = kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(fake), **settings, verbose=False)
    return found[KEY_METRIC_KID_MEAN]


def our_prdc(real, fake):
    from tfgan_zoo.metrics.manifold import density_coverage, precision_recall

    found = (*precision_recall(real, fake, 5), *density_coverage(real, fake, 5))
    return float(np.sum([np.mean(values) for values in found]))


def prdc(real, fake):
    from prdc import compute_prdc

    with contextlib.redirect_stdout(sys.stderr):
        return float(sum(compute_prdc(real, fake, nearest_k=5).values()))


def our_embedding():
    from tfgan_zoo.core import recipe_tables
    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.metrics.features import feature_network

    images, network = load_source(recipe_tables.DataSettings(resolution=32)).images, feature_network("mnist_cnn")
    network.features(images[:100])  # traces
    return lambda: float(network.features(images).mean())


def keras_predict():
    import keras

    from tfgan_zoo.core import recipe_tables
    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.metrics import mnist_cnn

    images, model = load_source(recipe_tables.DataSettings(resolution=32)).images, mnist_cnn.network()
    with np.load(mnist_cnn.WEIGHTS) as arrays:
        model.set_weights([arrays[weight.path] for weight in model.weights])
    model = keras.Model(model.inputs, model.output["features"])
    model.predict(images[:100] / np.float32(127.5) - 1, batch_size=50, verbose=0)
    return lambda: float(model.predict(images / np.float32(127.5) - 1, batch_size=50, verbose=0).mean())


CONTESTS = {  # name: ({contestant: function}, features of each set; None where it makes its own)
    "fid": ({"ours": our_fid, "pytorch-fid": pytorch_fid}, 50_000),
    "frechet": ({"ours": our_frechet, "pytorch-fid": pytorch_fid_frechet}, 4000),
    "kid": ({"ours": our_kid, "torch-fidelity": torch_fidelity}, 5000),
    "prdc": ({"ours": our_prdc, "prdc": prdc}, 5000),
    "kid50k": ({"ours": our_kid, "torch-fidelity": torch_fidelity}, 50_000),
    "prdc20k": ({"ours": our_prdc, "prdc": prdc}, 20_000),
    "embed": ({"ours": our_embedding, "keras predict": keras_predict}, None),
}


def measure(contest, contestant):
    """Prints {"seconds", "megabytes" beyond what the features and libraries take, "value"} of one contestant."""
    functions, count = CONTESTS[contest]
    if count:
        sets = features(count)
        small = [x[:1200, :500] for x in sets]
        if contest == "frechet":
            sets, small = both_moments(*sets), both_moments(*small)
        functions[contestant](*small)  # imports and warms up
        work = lambda: functions[contestant](*sets)  # noqa: E731
    else:
        work = functions[contestant]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    value = work()
    seconds = time.perf_counter() - start
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(MARK + json.dumps({"seconds": seconds, "megabytes": more / 1024, "value": float(value)}))


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--only", default=",".join(CONTESTS), help="contests, by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
        return
    figures = {}
    for contest in arguments.only.split(","):
        taken = figures[contest] = {contestant: [] for contestant in CONTESTS[contest][0]}
        for _ in range(arguments.rounds):
            for contestant, found in taken.items():
                command = [sys.executable, "-m", "benchmarks.metrics", "--measure", contest, contestant]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
                line = next(line for line in done.stdout.splitlines() if line.startswith(MARK))
                found.append(json.loads(line.removeprefix(MARK)))
        for contestant, found in taken.items():
            seconds = [f["seconds"] for f in found]
            print(
                f"{contest:7} {contestant:15} {statistics.median(seconds):8.2f} s (best {min(seconds):.2f})"
                f"  {max(f['megabytes'] for f in found):6.0f} MB more  value {found[-1]['value']:.9g}"
            )
        ours, other = ([f["seconds"] for f in found] for found in taken.values())
        ratios = [b / a for a, b in zip(ours, other, strict=True)]
        print(
            f"{contest:7} ours is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})\n"
        )
    results.save("metrics", figures, arguments)


if __name__ == "__main__":
    main()
