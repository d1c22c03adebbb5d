"""How long a user waits from the command to the first training step: import, data, networks, trace.

python -m benchmarks.startup
"""

import subprocess
import sys
import tempfile
import time

from benchmarks import results


def seconds_to_first_step(model):
    """Wall time until the first progress line of `python -m tfgan_zoo.train --model=...`, with its pictures left out."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "tfgan_zoo.train", f"--model={model}", "--set=steps_per_call=1", f"--workdir={folder}/run"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in process.stderr:
            if line.startswith("step 1/"):
                break
        seconds = time.perf_counter() - start
        process.kill()
        process.wait()
    return seconds


def main():
    arguments = results.parser(__doc__).parse_args()
    times = [seconds_to_first_step("sngan") for _ in range(3)]
    print(f"sngan quickstart, command to first step: {', '.join(f'{t:.1f}' for t in times)} s")
    results.save("startup", {"seconds": times}, arguments)


if __name__ == "__main__":
    main()
