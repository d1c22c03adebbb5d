"""How long a user waits from the command to the first training step: import, data, networks, trace.

python -m benchmarks.startup
"""

from benchmarks import results
from benchmarks.speed import first_step


def main():
    arguments = results.parser(__doc__).parse_args()
    times = [first_step(results.ROOT)[0] for _ in range(3)]
    print(f"sngan quickstart, command to first step: {', '.join(f'{t:.1f}' for t in times)} s")
    results.save("startup", {"seconds": times}, arguments)


if __name__ == "__main__":
    main()
