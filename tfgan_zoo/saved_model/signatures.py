"""What an exported generator answers: signatures with a batch dimension everywhere and draws by seed inside the graph."""

import tensorflow as tf

from tfgan_zoo.core.draws import SeededDraws
from tfgan_zoo.saved_model.signature_calls import Sampler


class ExportedGenerator(tf.Module):
    """A generator as a module that holds its variables and not the Keras model, which TF Serving's loader cannot restore.

    Signatures (every input and output has a batch dimension):

        serving_default  noise float32 [B, Z]                        -> images float32 [B, H, W, C] in [-1, 1]
        sample           seed int64 [B], truncation float32 [B]      -> images uint8 [B, H, W, C]
        png              seed int64 [B], truncation float32 [B]      -> png_bytes string [B]
        latents          seed int64 [B], truncation float32 [B]      -> noise float32 [B, Z]

    truncation: bound of |z| in the latent, `inf` for none.

    All but `latents` take more where the generator does. In `sample` and `png` what is left open is drawn by seed;
    `serving_default` has no seed, so there all must be given.

        labels int32 [B] from 0; -1 leaves one open. A label beyond the classes is not refused in the graph.
        codes float32 [B, size], see `priors.Codes`; each number that is NaN is left open.

    A generator of points makes `points` float32 [B, 2] in place of images, in `sample` too, and has no `png`.

    Attributes:
        functions: {signature: concrete function}; prior: the `Prior`.

    Args:
        network: the generator, a Keras model built in float32.
        prior: its `Prior`.
    """

    def __init__(self, network, prior):
        super().__init__(name="generator")
        self.saved_weights = [v.value for v in network.variables]
        self.prior = prior
        points = len(network.output_shape) == 2
        noise = {"noise": tf.TensorSpec([None, prior.noise_size], tf.float32)}
        draw = {"seed": tf.TensorSpec([None], tf.int64), "truncation": tf.TensorSpec([None], tf.float32)}
        conditions = {}
        if prior.num_classes:
            conditions["labels"] = tf.TensorSpec([None], tf.int32)
        if prior.codes:
            conditions["codes"] = tf.TensorSpec([None, prior.codes.size], tf.float32)

        def concrete(function, **specs):
            return tf.function(function, autograph=False).get_concrete_function(**specs)

        names = [tensor.name for tensor in network.inputs]

        def network_alone(**inputs):
            return tf.cast(network(inputs, training=False), tf.float32)

        # A function of its own, so that the file holds the network once and not once a signature.
        specs = {name: spec for name, spec in {**noise, **conditions}.items() if name in names}
        network_alone = concrete(network_alone, **specs)

        def made(inputs):
            return network_alone(**{name: inputs[name] for name in names})

        def drawn(inputs):
            latents = prior.sample(SeededDraws(inputs["seed"]), inputs["truncation"][:, None])
            if "labels" in inputs:
                latents["labels"] = tf.where(inputs["labels"] < 0, latents["labels"], inputs["labels"])
            if "codes" in inputs:
                latents["codes"] = tf.where(tf.math.is_nan(inputs["codes"]), latents["codes"], inputs["codes"])
            return latents

        def serving_default(**inputs):
            return {"points" if points else "images": made(inputs)}

        def sample(**inputs):
            if points:
                return {"points": made(drawn(inputs))}
            values = (made(drawn(inputs)) + 1) * 127.5
            return {"images": tf.cast(tf.round(tf.clip_by_value(values, 0, 255)), tf.uint8)}

        def png(**inputs):
            encoded = tf.map_fn(tf.io.encode_png, sample(**inputs)["images"], fn_output_signature=tf.string)
            return {"png_bytes": encoded}

        def latents(**inputs):
            return {"noise": drawn(inputs)["noise"]}

        self.functions = {
            "serving_default": concrete(serving_default, **noise, **conditions),
            "sample": concrete(sample, **draw, **conditions),
            **({} if points else {"png": concrete(png, **draw, **conditions)}),
            "latents": concrete(latents, **draw),
        }

    def generator(self):
        """The `Generator` that samples from this module, and keeps it."""
        return Sampler(self.functions, self.prior.num_classes, self.prior.codes, owner=self)
