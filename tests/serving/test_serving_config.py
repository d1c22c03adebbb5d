"""The files for TensorFlow Serving, Docker and Kubernetes, parsed in their own formats; and which files are never overwritten."""

import http.server
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.version_folder import versions
from tfgan_zoo.serving import config_messages, deployment
from tfgan_zoo.serving.deployment import batch_sizes, write_deployment

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "serving"
NAMES = sorted(path.name for path in (ROOT / "export").glob("*") if versions(path))


def parsed(name, message, folder=COMMITTED):
    return text_format.Parse((folder / name).read_text(), message)


def documents(folder=COMMITTED):
    return {path.relative_to(folder).as_posix(): yaml.safe_load(path.read_text()) for path in folder.rglob("*.yaml")}


@pytest.fixture
def zoo(tmp_path):
    """A zoo of two models, next to the folder to write."""
    (tmp_path / "export").mkdir()
    for name in ("gan_mnist", "infogan_mnist"):
        (tmp_path / "export" / name).symlink_to(ROOT / "export" / name)
    return tmp_path / "export"


def test_the_committed_files_are_what_the_command_writes(tmp_path):
    (tmp_path / "export").symlink_to(ROOT / "export")
    names = write_deployment(tmp_path / "export", tmp_path / "serving")
    written = {name: (tmp_path / "serving" / name).read_text() for name in names}
    committed = {p.relative_to(COMMITTED).as_posix(): p.read_text() for p in COMMITTED.rglob("*") if p.is_file()}
    assert committed == written, "python -m tfgan_zoo.serving_config --zoo export --to serving"
    assert {p for p in (tmp_path / "serving").rglob("*") if p.is_file()} == {tmp_path / "serving" / n for n in names}


def test_models_config_names_every_export_by_its_absolute_path():
    models = parsed("models.config", model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert [(c.name, c.base_path, c.model_platform) for c in models] == [
        (name, f"/models/{name}", "tensorflow") for name in NAMES
    ]
    assert all(c.model_version_policy.latest.num_versions == 1 for c in models)


def test_batching_config_is_valid_for_tf_serving():
    batching = parsed("batching.config", config_messages.batching_parameters()())
    assert list(batching.allowed_batch_sizes) == [1, 2, 4, 8, 16, 32, 64]
    assert batching.max_batch_size.value == 64
    assert (
        batching.num_batch_threads.value,
        batching.batch_timeout_micros.value,
        batching.max_enqueued_batches.value,
    ) == (
        4,
        2000,
        100,
    )


@pytest.mark.parametrize(("largest", "sizes"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])])
def test_batch_sizes_increase_to_the_largest(largest, sizes):
    assert batch_sizes(largest) == sizes


def test_monitoring_and_tls_files_parse():
    monitoring = parsed("monitoring.config", config_messages.monitoring_config()())
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"
    tls = parsed("ssl.config.example", config_messages.ssl_config()())
    assert tls.client_verify
    assert tls.server_key.startswith("-----BEGIN PRIVATE KEY-----\n")


def test_the_messages_have_tf_servings_field_numbers():
    batching = config_messages.batching_parameters()(allowed_batch_sizes=[1, 64], pad_variable_length_inputs=True)
    batching.max_batch_size.value = 64
    batching.thread_pool_name.value = "x"
    assert batching.SerializeToString() == bytes.fromhex("0a0208402a030a0178320201403801")
    assert not batching.HasField("num_batch_threads")
    monitoring = config_messages.monitoring_config()(prometheus_config={"enable": True, "path": "p"})
    assert monitoring.SerializeToString() == bytes.fromhex("0a050801120170")
    tls = config_messages.ssl_config()(server_key="k", server_cert="c", custom_ca="a", client_verify=True)
    assert tls.SerializeToString() == bytes.fromhex("0a016b1201631a01612001")


def test_compose_mounts_read_only_and_opens_ports_to_this_machine_only():
    service = documents()["docker-compose.yaml"]["services"]["serving"]
    assert service["image"] == deployment.IMAGE
    assert service["command"] == deployment.arguments()
    assert service["volumes"] == ["../export:/models:ro", ".:/serving:ro"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_the_arguments_name_files_that_are_written():
    for argument in deployment.arguments():
        name = re.search(r"=/serving/(.*)", argument)
        assert not name or (COMMITTED / name[1]).exists()


def test_kubernetes_manifests_fit_together():
    manifests = documents()
    kustomization = manifests["kustomization.yaml"]
    assert all((COMMITTED / name).exists() for name in kustomization["resources"])
    generator = kustomization["configMapGenerator"][0]
    assert all((COMMITTED / name).exists() for name in generator["files"])
    deployed, service, claim = (manifests[f"kubernetes/{name}.yaml"] for name in ("deployment", "service", "volume"))
    pod = deployed["spec"]["template"]
    assert deployed["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"] == service["spec"]["selector"]
    container, volumes = pod["spec"]["containers"][0], {v["name"]: v for v in pod["spec"]["volumes"]}
    mounts = {m["mountPath"]: m for m in container["volumeMounts"]}
    assert volumes["models"]["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"], "readOnly": True}
    assert volumes["serving"]["configMap"]["name"] == generator["name"]
    assert mounts["/models"] == {"name": "models", "mountPath": "/models", "readOnly": True}
    assert mounts["/serving"]["readOnly"]
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {p["targetPort"]: p["port"] for p in service["spec"]["ports"]} == ports
    assert container["readinessProbe"]["httpGet"] == {"path": f"/v1/models/{NAMES[0]}/metadata", "port": "rest"}
    assert set(container["resources"]) == {"requests", "limits"}
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_health_check_succeeds_only_for_an_available_model():
    states = {"/v1/models/ready": "AVAILABLE", "/v1/models/loading": "LOADING"}

    class Rest(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(
                f'{{"model_version_status": [{{"version": "1", "state": "{states[self.path]}"}}]}}'.encode()
            )

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Rest) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, status in (("ready", 0), ("loading", 1)):
            line = yaml.safe_load(f'"{deployment.PROBE.format(name)}"').replace("8501", str(server.server_port))
            assert subprocess.run(["bash", "-c", line], timeout=60).returncode == status
        server.shutdown()


def test_the_readmes_command_writes_an_ssl_config(tmp_path):
    for name, text in (("server.key", "k\n1\n"), ("server.crt", "c\n"), ("ca.crt", "a\n")):
        (tmp_path / name).write_text(text)
    (script,) = re.findall(
        r"^```bash\n(text\(\).*?)^```", (COMMITTED / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True)
    tls = parsed("ssl.config", config_messages.ssl_config()(), tmp_path)
    assert (tls.server_key, tls.server_cert, tls.custom_ca, tls.client_verify) == ("k\n1\n", "c\n", "a\n", True)


def test_the_readmes_examples_use_a_model_of_the_served_zoo(zoo, tmp_path):
    for name, inputs in (("gan_mnist", {"seed", "truncation"}), ("infogan_mnist", {"seed", "truncation", "codes"})):
        text = (tmp_path / "s" / "README.md").read_text() if write_deployment(zoo, tmp_path / "s") else ""
        assert f'client.generator("{name}")' in text
        assert set(re.findall(r'request.inputs\["(\w+)"\]', text)) == inputs
        for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            compile(block, "README", "exec")
        (zoo / "gan_mnist").unlink(missing_ok=True)
    assert '"codes": [0, 0, 0' in text


def test_settings_reach_the_files(zoo, tmp_path):
    write_deployment(zoo, tmp_path / "serving", "/srv/zoo", 6, 3, "tensorflow/serving:2.18.0")
    batching = parsed("batching.config", config_messages.batching_parameters()(), tmp_path / "serving")
    assert (list(batching.allowed_batch_sizes), batching.num_batch_threads.value) == ([1, 2, 4, 6], 3)
    models = parsed("models.config", model_server_config_pb2.ModelServerConfig(), tmp_path / "serving")
    assert models.model_config_list.config[0].base_path == "/srv/zoo/gan_mnist"
    service = documents(tmp_path / "serving")["docker-compose.yaml"]["services"]["serving"]
    assert (service["image"], service["volumes"][0]) == ("tensorflow/serving:2.18.0", "../export:/srv/zoo:ro")


def test_files_are_rewritten_in_place_and_foreign_files_are_not_replaced(zoo, tmp_path):
    to = tmp_path / "serving"
    write_deployment(zoo, to)
    inode = to.stat().st_ino
    (to / "ssl.config").write_text("mine")
    write_deployment(zoo, to, max_batch=8)
    assert to.stat().st_ino == inode  # a container that mounts it sees the new files
    assert (to / "ssl.config").read_text() == "mine"
    assert "value: 8" in (to / "batching.config").read_text()
    (to / "models.config").write_text("mine")
    with pytest.raises(ZooError, match=r"contains models\.config, which this command did not write"):
        write_deployment(zoo, to)
    assert "value: 8" in (to / "batching.config").read_text()
    write_deployment(zoo, to, overwrite=True)
    assert deployment.MARK in (to / "models.config").read_text()


def test_folders_and_names_that_cannot_be_served_are_reported(zoo, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").write_text("mine")
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((zoo, tmp_path / "other"), "contains other files"),
        ((zoo, tmp_path / "other" / "notes"), "is a file"),
        ((tmp_path / "empty", tmp_path / "to"), "contains no exports such as"),
        ((zoo, tmp_path / "to", "models"), "--base_path=models: expected the zoo's absolute path"),
    ):
        with pytest.raises(ZooError, match=message):
            write_deployment(*arguments)
    shutil.copytree(ROOT / "export" / "gan_mnist", zoo / 'a "name"')
    with pytest.raises(ZooError, match="is not a valid model name"):
        write_deployment(zoo, tmp_path / "to")
    os.rename(zoo / 'a "name"', zoo / "bare")
    (zoo / "bare" / "1" / "model_card.json").unlink()
    with pytest.raises(ZooError, match=r"model_card\.json is missing"):
        write_deployment(zoo, tmp_path / "to")
    for text, problem in (("[1]", "TypeError"), ("{", "JSONDecodeError"), ("{}", "KeyError")):
        (zoo / "bare" / "1" / "model_card.json").write_text(text)
        with pytest.raises(ZooError, match=f"lacks scores or signatures .{problem}.*; export bare again"):
            write_deployment(zoo, tmp_path / "to")
    assert not (tmp_path / "to").exists()
