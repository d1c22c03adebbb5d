#!/usr/bin/env bash
# MultiWorkerMirroredStrategy takes the addresses of all workers from TF_CONFIG, and every example gives all workers the same ones. Expected:
# workers whose lists differ are refused, since the list defines the cluster. Seen: the addresses are not compared. Each worker may reach
# the others at addresses of its own, here through a forwarded port on each side, and the all-reduce is right. So a cluster
# works across port forwarding and address translation, and a test can cut its connections.
#
# tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   worker 0 of ['own', 'forwarded']: sum 3.0, through the forwarded port: True
#   worker 1 of ['forwarded', 'own']: sum 3.0, through the forwarded port: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/worker.py" <<'PYTHON'
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()
index = strategy.cluster_resolver.task_id


@tf.function
def total():
    def in_replica():
        value = tf.constant(float(index + 1))
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)

    return strategy.run(in_replica)


print(float(strategy.experimental_local_results(total())[0].numpy()))
PYTHON
cat > "$folder/cluster.py" <<'PYTHON'
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Forward:
    """Passes connections to its port on to `target`, and counts the bytes."""

    def __init__(self, target):
        self.target, self.passed = target, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passed += len(data)
                sink.sendall(data)
        source.close()
        sink.close()


ports = [free_port(), free_port()]
forwards = [Forward(port) for port in ports]
workers, kinds = [], []
for index in range(2):
    kinds.append(["own" if i == index else "forwarded" for i in range(2)])
    seen = [ports[i] if i == index else forwards[i].port for i in range(2)]
    config = {"cluster": {"worker": [f"127.0.0.1:{port}" for port in seen]}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": "-1", "no_proxy": "127.0.0.1"}
    workers.append(
        subprocess.Popen([sys.executable, sys.argv[1]], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    )
for index, worker in enumerate(workers):
    output = worker.communicate(timeout=300)[0].strip()
    print(f"worker {index} of {kinds[index]}: sum {output}, through the forwarded port: {forwards[0].passed > 1000}")
PYTHON
"$folder/env/bin/python" "$folder/cluster.py" "$folder/worker.py" | tee "$folder/output"
grep -Fq "worker 0 of ['own', 'forwarded']: sum 3.0, through the forwarded port: True" "$folder/output"
grep -Fq "worker 1 of ['forwarded', 'own']: sum 3.0, through the forwarded port: True" "$folder/output"
