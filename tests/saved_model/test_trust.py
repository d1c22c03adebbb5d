"""Refused before loading: files that do not match the card's hashes, and graphs that do more than compute."""

import shutil

import keras
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tfgan_zoo
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.runs.open_generator import open_export
from tfgan_zoo.runs.targets import ExportTarget
from tfgan_zoo.saved_model import operations, trust
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, newest, versions, write_version

SHIPPED = sorted(path for path in pretrained_folder().glob("*") if versions(path))
FLOATS = tf.TensorSpec([None], tf.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    noise = keras.Input([2], name="noise")
    network = keras.Model({"noise": noise}, keras.layers.Reshape((1, 2, 1))(keras.layers.Dense(2)(noise)))
    module = ExportedGenerator(network, Prior(2))
    return write_version(module, tmp_path_factory.mktemp("zoo") / "small", {"summary": "A test.", "scores": []})


@pytest.fixture
def folder(exported, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(exported, tmp_path / "1")


def save_module(function, folder, *specs, **attributes):
    """A SavedModel of a function, whose module has these attributes."""
    module = tf.Module()
    for name, value in attributes.items():
        setattr(module, name, value)
    module.f = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(folder))
    return folder


def edited(folder, edit):
    """The folder, its saved_model.pb changed by `edit(meta_graph)`."""
    path = folder / "saved_model.pb"
    content = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    edit(content.meta_graphs[0])
    path.write_bytes(content.SerializeToString())
    return folder


def function_of(meta_graph, operation):
    """The function of the library that holds an operation."""
    return next(f for f in meta_graph.graph_def.library.function if operation in {n.op for n in f.node_def})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_generator_passes(path):
    trust.check(newest(path))
    trust.verify(newest(path))


def test_a_saved_model_that_writes_a_file_is_refused_by_name_and_never_executed(exported, tmp_path):
    out = tmp_path / "written"

    def sample(x):
        tf.io.write_file(str(out), "gotcha")
        return x

    folder = save_module(sample, tmp_path / "1", FLOATS)
    for load in (load_version, ExportTarget, open_export):
        with pytest.raises(ZooError, match=r"WriteFile \(node \w+ of function \w+\) reads or writes files.*--unsafe"):
            load(folder)
    assert not out.exists()
    with pytest.raises(ZooError, match="not an export of this library"):  # loaded, then refused for its signatures
        load_version(folder, unsafe=True)
    assert not out.exists()
    tf.saved_model.load(str(folder)).f(tf.zeros([1]))
    assert out.read_text() == "gotcha"  # the check above prevented this


@pytest.mark.parametrize(
    ("operation", "reason", "function"),
    [
        ("ReadFile", "files", lambda x: tf.io.read_file("/etc/passwd")),
        ("MatchingFiles", "files", lambda x: tf.io.matching_files("/*")),
        ("PrintV2", "files", lambda x: [tf.print(x, output_stream="file:///tmp/never"), x][1]),
        ("ImmutableConst", "files", lambda x: tf.raw_ops.ImmutableConst(dtype=tf.uint8, shape=[1], memory_region_name="/x")),
        ("RestoreV2", "files", lambda x: tf.raw_ops.RestoreV2(prefix="/x", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0]),
        ("TFRecordDataset", "files", lambda x: [tf.raw_ops.TFRecordDataset(filenames="/x", compression_type="", buffer_size=0), x][1]),
        ("EagerPyFunc", "Python", lambda x: tf.py_function(lambda y: y, [x], tf.float32)),
        ("PyFuncStateless", "Python", lambda x: tf.numpy_function(lambda y: y, [x], tf.float32, stateful=False)),
        ("DebugIdentityV2", "network", lambda x: tf.raw_ops.DebugIdentityV2(input=x, debug_urls=["grpc://localhost:1"])),
        ("Abort", "ends the process", lambda x: [tf.raw_ops.Abort(), x][1]),
        ("FIFOQueueV2", "not among", lambda x: [tf.raw_ops.FIFOQueueV2(component_types=[tf.float32]), x][1]),
    ],
)  # fmt: skip
def test_operations_with_effects_are_found_with_their_reason(operation, reason, function, tmp_path):
    findings = trust.findings(save_module(function, tmp_path / "1", FLOATS))
    assert operation in {f.name for f in findings}
    assert reason in next(f.reason for f in findings if f.name == operation)


def test_a_table_read_from_a_file_is_refused(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("a\nb\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(str(words), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER), -1
    )
    folder = save_module(table.lookup, tmp_path / "1", tf.TensorSpec([None], tf.string), table=table)
    with pytest.raises(ZooError, match="InitializeTableFromTextFileV2"):
        trust.refuse_unsafe(folder)


def test_other_models_pass_if_they_only_compute(tmp_path):
    weight = tf.Variable(tf.ones([4, 4]))

    def classify(x):
        h = tf.nn.softmax(tf.linalg.matmul(tf.reshape(x, [-1, 4]), weight))
        h = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, h + tf.random.normal([4])), [0, h])[1]
        h = tf.cond(tf.reduce_sum(h) > 0, lambda: tf.einsum("ab->ba", h), lambda: tf.transpose(h))
        return tf.strings.as_string(tf.image.resize(h[None, ..., None], [8, 8])), tf.map_fn(tf.math.exp, h)

    trust.check(save_module(classify, tmp_path / "1", FLOATS, weight=weight))


def test_xla_in_a_function_is_found(tmp_path):
    module = tf.Module()
    inner = tf.function(lambda x: x * 2, jit_compile=True)
    module.f = tf.function(lambda x: inner(x), input_signature=[FLOATS], autograph=False)
    tf.saved_model.save(module, str(tmp_path / "1"))
    assert {f.name for f in trust.findings(tmp_path / "1")} == {"_XlaMustCompile"}


def test_checkpoint_operations_pass_only_if_nothing_but_the_loader_reaches_them(folder):
    original = (folder / "saved_model.pb").read_bytes()

    def signature(meta_graph):
        meta_graph.signature_def["sample"].outputs["images"].name = meta_graph.saver_def.save_tensor_name

    def main_operation(meta_graph):
        node = meta_graph.saver_def.save_tensor_name.partition(":")[0]
        meta_graph.collection_def["saved_model_main_op"].node_list.value[:] = [node]

    def control_input(meta_graph):
        meta_graph.graph_def.node[0].input.append("^" + meta_graph.saver_def.restore_op_name)

    def python_object(meta_graph):
        meta_graph.object_graph_def.concrete_functions[function_of(meta_graph, "SaveV2").signature.name].SetInParent()

    def other_caller(meta_graph):
        function = function_of(meta_graph, "EncodePng")
        node = function.node_def.add(name="again", op="PartitionedCall")
        node.attr["f"].func.name = function_of(meta_graph, "SaveV2").signature.name

    def save_when_restoring(meta_graph):
        function_of(meta_graph, "AssignVariableOp").node_def.add(name="too", op="SaveV2")

    def other_file(meta_graph):
        restore = next(n for n in function_of(meta_graph, "AssignVariableOp").node_def if n.op == "RestoreV2")
        restore.input[0] = "RestoreV2/tensor_names:output:0"

    def constant(meta_graph, text):
        node = meta_graph.graph_def.node.add(name="elsewhere", op="Const")
        node.attr["dtype"].type = tf.string.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(text))

    def restored_from_elsewhere(meta_graph):
        """As TF1 loads it: without an object graph."""
        constant(meta_graph, "/etc/weights")
        next(n for n in meta_graph.graph_def.node if n.name == meta_graph.saver_def.restore_op_name).input[0] = (
            "elsewhere"
        )
        meta_graph.ClearField("object_graph_def")

    def fed_as_a_control_input(meta_graph):
        restore = next(n for n in meta_graph.graph_def.node if n.name == meta_graph.saver_def.restore_op_name)
        restore.input[0] = "^" + restore.input[0]

    def loader_feeds_a_constant(meta_graph):
        next(n for n in meta_graph.graph_def.node if n.name == "saver_filename").op = "Const"

    def saved_by_a_sparse_output(meta_graph):
        output = meta_graph.signature_def["sample"].outputs["more"]
        output.coo_sparse.values_tensor_name = meta_graph.saver_def.save_tensor_name

    def restore_without_inputs(meta_graph):
        function_of(meta_graph, "EncodePng").node_def.add(name="nothing", op="RestoreV2")

    changes = {
        fed_as_a_control_input: "RestoreV2", restored_from_elsewhere: "RestoreV2",
        loader_feeds_a_constant: "RestoreV2", saved_by_a_sparse_output: "SaveV2",
        restore_without_inputs: "RestoreV2",
        signature: "SaveV2", main_operation: "SaveV2", control_input: "RestoreV2", python_object: "SaveV2",
        other_caller: "SaveV2", save_when_restoring: "SaveV2", other_file: "RestoreV2",
    }  # fmt: skip
    for change, operation in changes.items():
        (folder / "saved_model.pb").write_bytes(original)
        assert trust.findings(folder) == []
        assert operation in {f.name for f in trust.findings(edited(folder, change))}, change.__name__


def test_a_function_cannot_pass_as_an_operation(folder):
    def rename(meta_graph):
        function_of(meta_graph, "EncodePng").signature.name = "AddV2"

    assert "AddV2" in {f.name for f in trust.findings(edited(folder, rename))}

    def call(meta_graph):
        meta_graph.graph_def.node.add(name="direct", op=function_of(meta_graph, "SaveV2").signature.name)

    assert "node direct" in {f.where for f in trust.findings(edited(folder, call))}


def test_changed_missing_and_added_files_are_named(folder):
    trust.verify(folder)
    variables = folder / "variables" / "variables.data-00000-of-00001"
    content = bytearray(variables.read_bytes())
    content[0] ^= 1
    variables.write_bytes(content)
    with pytest.raises(ZooError, match=r"changed: variables/variables.data-00000-of-00001\..*--unsafe"):
        load_version(folder)
    (folder / "grid.png").unlink()
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "words.txt").write_text("a")
    with pytest.raises(ZooError, match=r"missing: grid.png; added: assets/words.txt; changed: variables"):
        trust.verify(folder)
    with pytest.raises(ZooError, match=r"missing: grid\.png"):
        trust.check(folder)


def test_unsafe_loads_changed_files(folder):
    (folder / "grid.png").write_bytes(b"")
    with pytest.raises(ZooError, match=r"changed: grid\.png"):
        open_export(folder)
    assert open_export(folder, unsafe=True).sample([1]).shape == (1, 1, 2, 1)
    assert ExportTarget(folder, unsafe=True).generator.sample_shape == (1, 2, 1)


def test_a_link_to_a_folder_counts_as_added(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ZooError, match="added: more"):
        trust.verify(folder)


def test_a_second_graph_beside_the_first_is_refused(folder):
    (folder / "model_card.json").unlink()
    trust.check(folder)  # without a card only the graph is checked
    with pytest.raises(ZooError, match=r"has no model_card\.json"):
        trust.verify(folder)
    (folder / "saved_model.cpb").write_bytes(b"")
    with pytest.raises(ZooError, match=r"saved_model.cpb, which a loader may read"):
        trust.check(folder)


def test_unreadable_saved_models_and_cards_are_refused(folder, tmp_path):
    with pytest.raises(ZooError, match=r"holds no saved_model\.pb"):
        trust.refuse_unsafe(tmp_path)
    (folder / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ZooError, match="is not a SavedModel"):
        trust.refuse_unsafe(folder)
    for text, message in (("{", "is not JSON"), ("[]", "holds no sha256"), ('{"name": "small"}', "holds no sha256")):
        (folder / "model_card.json").write_text(text)
        with pytest.raises(ZooError, match=message):
            trust.verify(folder)


def test_the_lists_name_existing_operations_and_are_disjoint():
    assert {op for op in operations.HARMLESS if op not in dir(tf.raw_ops)} == set()
    assert not operations.HARMLESS & frozenset().union(*operations.HARMFUL.values())


def test_no_harmless_operation_takes_the_name_of_a_file_or_an_address():
    import inspect

    words = ("file", "path", "prefix", "url", "address", "server", "directory", "region", "remote")
    for name in operations.HARMLESS:
        arguments = inspect.signature(getattr(tf.raw_ops, name)).parameters
        assert not [argument for argument in arguments if any(word in argument for word in words)], name


def test_load_by_name_verifies_too(monkeypatch, tmp_path):
    name = min(SHIPPED, key=lambda path: (newest(path) / "saved_model.pb").stat().st_size).name
    shutil.copytree(pretrained_folder() / name, tmp_path / name)
    monkeypatch.setattr("tfgan_zoo.core.locations.pretrained_folder", lambda: tmp_path)
    assert "sample" in tfgan_zoo.load(name).signatures
    (newest(tmp_path / name) / "fingerprint.pb").write_bytes(b"")
    with pytest.raises(ZooError, match=r"changed: fingerprint\.pb"):
        tfgan_zoo.load(name)
