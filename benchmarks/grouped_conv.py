"""A grouped convolution, forwards and backwards: `GroupedConv2D` beside Keras' `groups=` and beside other forms of it.

    python -m benchmarks.grouped_conv
    python -m benchmarks.grouped_conv --cases=8x32x32x96/8 --dtype=bfloat16

Each case is batch x height x width x channels / channels per group, with a 3x3 kernel and as many filters as channels. The forms take
turns, round after round, so that all see the same machine; one that needs over `--patience` seconds in its first step after
tracing takes no more. CPU time counts all threads; the least over rounds is given.

CPU seconds per step, input and kernel gradients, on two shared and busy cores without AMX (TensorFlow 2.21, least of 4 rounds):

| float32 | ours, blocks of 32 | blocks of 16 | blocks of 64 | one block-diagonal kernel | depthwise and sum | batched matmul | Keras' `groups=` |
|---|---|---|---|---|---|---|---|
| 32x4x4x768/8 | 0.037 | 0.027 | 0.046 | 1.301 | 0.051 | 0.139 | 8.494 |
| 8x8x8x768/8 | 0.038 | 0.023 | 0.053 | 0.524 | 0.051 | 0.158 | 8.881 |
| 8x8x8x1536/16 | 0.051 | 0.045 | 0.086 | 3.145 | 0.299 | 0.305 | 16.725 |
| 8x32x32x64/8 | 0.031 | 0.026 | 0.040 | 0.039 | 0.030 | 0.154 | 0.975 |

Blocks of 32 take half as many ops as blocks of 16, which matters for the time to trace a graph and to compile it.
"""

import time

from benchmarks import results

CASES = "32x4x4x768/8,8x8x8x768/8,8x8x8x1536/16,8x32x32x64/8"


def forms():
    """{name: function of (x, kernel, groups)}; x: [B, H, W, C], kernel: [3, 3, C / groups, C]."""
    import keras
    import tensorflow as tf

    from tfgan_zoo.layers import GroupedConv2D, grouped_conv

    def ours(block):
        def convolve(x, kernel, groups):
            grouped_conv.BLOCK = block  # read while tracing
            layer = GroupedConv2D(
                kernel.shape[-1], 3, padding="same", groups=groups, use_bias=False, dtype=x.dtype.name
            )
            return layer.blockwise(x, kernel)

        return convolve

    def depthwise(x, kernel, groups):
        """Each channel to all outputs of its group, then a sum over the group."""
        size, filters = kernel.shape[2], kernel.shape[3]
        kernel = tf.transpose(tf.reshape(kernel, [3, 3, size, groups, -1]), [0, 1, 3, 2, 4])
        y = tf.nn.depthwise_conv2d(x, tf.reshape(kernel, [3, 3, groups * size, -1]), [1] * 4, "SAME")
        return tf.reshape(tf.reduce_sum(tf.reshape(y, [*x.shape[:3], groups, size, -1]), 4), [*x.shape[:3], filters])

    def matmul(x, kernel, groups):
        """The 3x3 windows of each group, times its kernel."""
        batch, height, width, _ = x.shape
        size, filters = kernel.shape[2:]
        x = tf.transpose(tf.reshape(x, [batch, height, width, groups, size]), [3, 0, 1, 2, 4])
        x = tf.pad(x, [[0, 0], [0, 0], [1, 1], [1, 1], [0, 0]])
        windows = tf.concat([x[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)], -1)
        kernel = tf.transpose(tf.reshape(kernel, [9 * size, groups, -1]), [1, 0, 2])
        y = tf.matmul(tf.reshape(windows, [groups, -1, 9 * size]), kernel)
        y = tf.transpose(tf.reshape(y, [groups, batch, height, width, -1]), [1, 2, 3, 0, 4])
        return tf.reshape(y, [batch, height, width, filters])

    return {
        f"ours, blocks of {grouped_conv.BLOCK}": ours(grouped_conv.BLOCK),
        "blocks of 16": ours(16),
        "blocks of 64": ours(64),
        "one block-diagonal kernel": ours(10**6),
        "depthwise and sum": depthwise,
        "batched matmul": matmul,
        "Keras' `groups=`": lambda x, kernel, groups: keras.ops.conv(x, kernel, padding="same"),
    }


def step_of(form, case, dtype, jit):
    """A function without arguments that takes one step and returns when it is finished."""
    import tensorflow as tf

    (batch, height, width, channels), size = case
    x = tf.random.stateless_normal([batch, height, width, channels], [0, 0])
    kernel = tf.random.stateless_normal([3, 3, size, channels], [0, 1])

    @tf.function(jit_compile=jit)
    def gradients(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = form(tf.cast(x, dtype), tf.cast(kernel, dtype), channels // size)
            loss = tf.reduce_sum(tf.square(tf.cast(y, tf.float32)))
        return tape.gradient(loss, [x, kernel])

    return lambda: [gradient.numpy() for gradient in gradients(x, kernel)]


def seconds(step):
    """CPU seconds and seconds by the clock of one step."""
    start = time.process_time(), time.perf_counter()
    step()
    return time.process_time() - start[0], time.perf_counter() - start[1]


def measured(case, dtype, jit, rounds, patience):
    """{form: (CPU seconds, seconds by the clock), the least of each}."""
    steps, times = {}, {}
    for name, form in forms().items():
        step = step_of(form, case, dtype, jit)
        step()  # traces
        times[name] = [seconds(step)]
        if times[name][0][1] < patience:
            steps[name] = step
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(seconds(step))
    return {name: tuple(map(min, zip(*pairs, strict=True))) for name, pairs in times.items()}


def parsed(text):
    """`8x4x4x768/8` -> ((8, 4, 4, 768), 8)."""
    shape, _, size = text.partition("/")
    return tuple(map(int, shape.split("x"))), int(size)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--cases", default=CASES, help="batch x height x width x channels / channels per group, ...")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--jit_compile", action="store_true", help="compile each form with XLA")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=3.0, help="seconds")
    arguments = parser.parse_args()
    names = list(forms())
    print(f"| {arguments.dtype}{', XLA' * arguments.jit_compile} | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    figures = {}
    for text in arguments.cases.split(","):
        times = measured(parsed(text), arguments.dtype, arguments.jit_compile, arguments.rounds, arguments.patience)
        print(f"| {text} | " + " | ".join(f"{times[name][0]:.3f}" for name in names) + " |", flush=True)
        figures[text] = {name: {"cpu_seconds": cpu, "seconds": clock} for name, (cpu, clock) in times.items()}
    results.save("grouped_conv", figures, arguments)


if __name__ == "__main__":
    main()
