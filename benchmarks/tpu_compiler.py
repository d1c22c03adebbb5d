"""Compiles a training step for a TPU that this machine does not have. Run by `benchmarks.tpu_programs`, in an environment of its own.

    python tpu_compiler.py STEP.hlo TOPOLOGY CHIPS EFFORT RESULT.json

STEP.hlo is a serialized HLO module of one replica. libtpu compiles it for the first CHIPS chips of TOPOLOGY ("v5e:2x2"), a replica on each.
EFFORT, from -1 to 1, is how long it looks for faster programs; 0 is its default.
RESULT.json says what the compiler says: memory by kind, flops, bytes, collectives; or why it refuses the program.
"""

import json
import os
import re
import sys
from pathlib import Path

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "s64": 8, "u64": 8, "f64": 8}


def collectives(text):
    """{"all-reduce": [how many, bytes of their results]} of the text of a compiled HLO module."""
    found = {}
    for shapes, name in re.findall(r"= (.+?) (all-reduce|all-gather|all-to-all|reduce-scatter)(?:-start)?\(", text):
        count = found.setdefault(name, [0, 0])
        count[0] += 1
        for kind, sizes in re.findall(r"\b([a-z]+\d*)\[([\d,]*)\]", shapes):
            elements = 1
            for size in filter(None, sizes.split(",")):
                elements *= int(size)
            count[1] += elements * BYTES.get(kind, 4)
    return found


def without_copies(operation):
    """Replaces every `mhlo.copy` below an MLIR operation by its operand: TensorFlow's writes of variables, which libtpu refuses."""
    for region in operation.regions:
        for block in region.blocks:
            for inner in list(block.operations):
                without_copies(inner.operation)
                if inner.operation.name == "mhlo.copy":
                    inner.operation.results[0].replace_all_uses_with(inner.operation.operands[0])
                    inner.operation.erase()


def compiled(serialized, topology, chips, effort):
    """What libtpu says of a serialized HLO module on `chips` chips of a topology."""
    import jax
    import jaxlib
    import numpy as np
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir
    from jax.experimental import topologies

    devices = topologies.get_topology_desc(topology_name=topology, platform="tpu").devices
    kind, devices = devices[0].device_kind, devices[:chips]
    with mlir.make_ir_context():
        module = ir.Module.parse(jaxlib._jax.mlir.hlo_to_stablehlo(serialized))
        without_copies(module.operation)
        options = xla_client.CompileOptions()
        options.num_replicas, options.num_partitions = chips, 1
        options.executable_build_options.exec_time_optimization_effort = effort
        options.device_assignment = xla_client.DeviceAssignment.create(np.array([[d.id] for d in devices]))
        try:
            program = devices[0].client.compile(module, jaxlib._jax.DeviceList(tuple(devices)), options)
        except jax.errors.JaxRuntimeError as error:
            return {"device": kind, "refused": str(error)[:2000]}
    memory, cost = program.get_compiled_memory_stats(), program.cost_analysis()
    kinds = ("generated_code", "argument", "output", "alias", "temp")
    return {
        "device": kind,
        "effort": effort,
        "memory": {name: getattr(memory, f"{name}_size_in_bytes") for name in kinds},
        "flops": cost["flops"],
        "bytes": cost["bytes accessed"],
        "collectives": collectives(program.hlo_modules()[0].to_string()),
    }


if __name__ == "__main__":
    # There is no TPU to ask for its address or its kind, or to lock.
    os.environ.update(TPU_SKIP_MDS_QUERY="1", JAX_PLATFORMS="cpu", ALLOW_MULTIPLE_LIBTPU_LOAD="1")
    step, topology, chips, effort, result = sys.argv[1:]
    Path(result).write_text(json.dumps(compiled(Path(step).read_bytes(), topology, int(chips), float(effort))))
