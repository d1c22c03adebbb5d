"""How long a user waits from the command to the first training step, and for what.

python -m benchmarks.startup
"""

import json
import subprocess
import sys

from benchmarks import results, two_commits
from benchmarks.speed import STEPS, first_step

PARTS = """
import time
times = {"start": time.perf_counter()}
import keras
import tensorflow
times["import of TensorFlow and Keras"] = time.perf_counter()
import tfgan_zoo.runs.training_run
times["our own imports and other libraries'"] = time.perf_counter()
"""
# After STEPS, which builds the networks and the optimisers.
FIRST = """
times["networks and optimisers"] = time.perf_counter()
run(iterator, tf.constant(1))[0].numpy()
times["trace, TensorFlow's optimisation of the graph, first step"] = time.perf_counter()
run(iterator, tf.constant(1))[0].numpy()
times["the second step"] = time.perf_counter()
import json
ends = list(times.values())
print(json.dumps({name: end - begin for name, begin, end in zip(list(times)[1:], ends, ends[1:])}))
"""


def parts():
    """{what: seconds} of the way to the first step of sngan's quickstart, in a process of its own."""
    command = [sys.executable, "-c", PARTS + STEPS + FIRST, "sngan", "quickstart"]
    environment = two_commits.environment_of(results.ROOT)
    return json.loads(
        subprocess.run(command, cwd=results.ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    )


def main():
    arguments = results.parser(__doc__).parse_args()
    times = [first_step(results.ROOT)[0] for _ in range(3)]
    print(f"sngan quickstart, command to first step: {', '.join(f'{t:.1f}' for t in times)} s")
    shares = parts()
    print("\n".join(f"{seconds:6.2f} s  {name}" for name, seconds in shares.items()))
    results.save("startup", {"seconds": times, "parts": shares}, arguments)


if __name__ == "__main__":
    main()
