"""Whether a SavedModel can be loaded without harm: its files are those of its card, and its graph only computes.

A SavedModel is a program: TensorFlow runs whatever operations it names, and some of them read and write files, run Python
or reach the network. So the graph is read before it is loaded, as data, and every operation in it must be one of `HARMLESS`.

It is a list of what may be, not of what may not: TensorFlow has 1,400 operations and each version adds some, and what
harms is not marked as such: `ReadFile` and `ImmutableConst`, which maps a file into memory, count as stateless. The list
is wider than what this library exports: arithmetic, networks, images, strings, random numbers, control flow, variables
and tables in memory, so that other generators pass too.

A graph that passes can still take all memory or time, or meet a flaw in TensorFlow. Hashes that lie beside the files show
damage and careless changes; whoever can write the files can write the card. And the files must stay as they are between
this check and the loading.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.operations import HARMFUL, HARMLESS

UNHASHED = {"model_card.json", "README.md"}  # the card holds the hashes, and the README is made from it

# With these the loader's own functions read and write checkpoints, and no other may hold them.
RESTORING, SAVING = {"RestoreV2"}, {"RestoreV2", "SaveV2", "ShardedFilename", "MergeV2Checkpoints"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is wrong in a graph.

    name: of an operation or attribute; where: the node and its function, in words; reason: a clause without a subject.
    """

    name: str
    where: str
    reason: str

    def __str__(self):
        return f"{self.name} ({self.where}) {self.reason}"


def check(folder):
    """Refuses a version folder that cannot be trusted: by `verify` where it has a card, and by `refuse_unsafe`.

    Raises:
        ZooError: says which file or operation, and what would do.
    """
    if (Path(folder) / "model_card.json").exists():
        verify(folder)
    refuse_unsafe(folder)


def verify(folder):
    """Compares every file of a version folder with the sha256 in its model_card.json.

    Raises:
        ZooError: there is no card or it holds no hashes, or files are missing, added or changed: names them.
    """
    folder = Path(folder)
    expected = hashes_of(folder)
    there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}
    changed = [n for n, p in there.items() if n in expected and not (p.is_file() and sha256(p) == expected[n])]
    wrong = {
        "missing": sorted(set(expected) - set(there)),
        "added": sorted(set(there) - set(expected) - UNHASHED),
        "changed": sorted(changed),
    }
    if any(wrong.values()):
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong.items() if names)
        raise ZooError(
            f"{folder} is not what its model_card.json hashes: {told}. Fetch or export it again; if you know why it "
            f"differs and trust it, give --unsafe."
        )


def hashes_of(folder):
    """{file: sha256 in hexadecimals} of a version folder's card."""
    path = folder / "model_card.json"
    try:
        card = json.loads(path.read_text())
    except FileNotFoundError:
        raise ZooError(f"{folder} has no model_card.json, so its files cannot be verified.") from None
    except ValueError as error:
        raise ZooError(f"{path} is no JSON ({error}); fetch or export the folder again.") from None
    hashes = card.get("sha256") if isinstance(card, dict) else None
    if not isinstance(hashes, dict) or not hashes:
        raise ZooError(f"{path} holds no sha256 of the files; fetch or export the folder again.")
    return hashes


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_unsafe(folder):
    """Reads the graph of a SavedModel without loading it, and refuses what does more than compute; see `findings`.

    Raises:
        ZooError: names the operations.
    """
    found = findings(folder)
    if found:
        shown = "; ".join(map(str, found[:5])) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
        raise ZooError(
            f"{folder} is not loaded, because a SavedModel is a program and this one does more than compute: {shown}. "
            f"If you trust whoever made it, give --unsafe."
        )


def findings(folder):
    """What the main graphs and function libraries of a SavedModel hold beyond `HARMLESS`: a list of `Finding`.

    Checkpoint operations pass in the loader's own functions only, where nothing but the loader can call them and what is
    read is the file that the loader names. `_XlaMustCompile` is found too: TF Serving has XLA off and cannot run it.

    Raises:
        ZooError: there is no saved_model.pb, it cannot be read, or the graph lies in a file of another kind as well.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    folder = Path(folder)
    others = sorted(p.name for p in folder.glob("saved_model.*") if p.name != "saved_model.pb")
    if others:
        raise ZooError(f"{folder} holds {', '.join(others)}, which a loader may take for saved_model.pb; remove it.")
    if not (folder / "saved_model.pb").is_file():
        raise ZooError(f"{folder} holds no saved_model.pb; give a folder such as export/sngan_mnist/1.")
    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ZooError(f"{folder}/saved_model.pb is no SavedModel: {error}.") from None
    return [found for meta_graph in saved.meta_graphs for found in findings_of(meta_graph)]


def findings_of(meta_graph):
    library = meta_graph.graph_def.library.function
    functions = {function.signature.name: function for function in library}
    own = loaders_functions(meta_graph, functions)
    found = [Finding(n, "function", "has the name of an operation") for n in functions if n in HARMLESS]
    if len(functions) < len(library):
        found.append(Finding("function library", "graph", "holds two functions of one name"))
    for node in meta_graph.graph_def.node:
        found += findings_in(node, "main graph")
    for name, function in functions.items():
        if function.attr["_XlaMustCompile"].b:
            found.append(Finding("_XlaMustCompile", f"function {name}", "asks for XLA, which TF Serving has off"))
        for node in function.node_def:
            given = [argument.name for argument in function.signature.input_arg[:1]]
            named = node.op != "RestoreV2" or list(node.input[:1]) == given
            found += findings_in(node, f"function {name}", own.get(name, set()) if named else set())
    return found


def findings_in(node, where, allowed=()):
    place = f"node {node.name} of {where}" if where.startswith("function") else f"node {node.name}"
    if node.op not in HARMLESS and node.op not in allowed:
        yield Finding(node.op, place, reason_against(node.op))
    if node.attr["_XlaMustCompile"].b:
        yield Finding("_XlaMustCompile", place, "asks for XLA, which TF Serving has off")


def reason_against(op):
    return next((why for why, ops in HARMFUL.items() if op in ops), "is not among the operations known to only compute")


def loaders_functions(meta_graph, functions):
    """{function: the operations that it may hold beyond `HARMLESS`}: those that restore and save the variables.

    They are called by the two nodes that the saver names with the file name that the loader feeds, and no signature, other
    node, function or Python object leads to them. Whoever loads a model runs the first, which must read what it is told to
    read, and never the second.
    """
    saver, graph = meta_graph.saver_def, meta_graph.graph_def
    file_name = node_of(saver.filename_tensor_name)
    rights = {node_of(saver.save_tensor_name): SAVING, saver.restore_op_name: RESTORING}
    tensors = [t for s in meta_graph.signature_def.values() for side in (s.inputs, s.outputs) for t in side.values()]
    used = [tensor.name for tensor in tensors]
    used += [source for node in graph.node for source in node.input]
    used += [name for collection in meta_graph.collection_def.values() for name in collection.node_list.value]
    # Sparse tensors and composites have several names.
    named = all(tensor.WhichOneof("encoding") in (None, "name") for tensor in tensors)
    files = [node.op for node in graph.node if node.name == file_name]
    sources = [source.partition(":")[0] for node in graph.node if node.name in rights for source in node.input[:1]]
    fed = set(files) == {"Placeholder"} and set(sources) == {file_name}
    if not (named and fed) or rights.keys() & set(map(node_of, used)):
        return {}
    objects = meta_graph.object_graph_def
    reached = set(objects.concrete_functions)
    reached |= {n.bare_concrete_function.concrete_function_name for n in objects.nodes}
    reached |= {name for n in objects.nodes for name in n.function.concrete_functions}
    reached |= {name for function in functions.values() for node in function.node_def for name in called(node)}
    own = {}
    for node in graph.node:
        for name in called(node):
            own[name] = own.get(name, SAVING) & rights.get(node.name, set())
    return {name: allowed for name, allowed in own.items() if name not in reached}


def node_of(tensor):
    """The node of a tensor's name, or of a control input's."""
    return tensor.removeprefix("^").partition(":")[0]


def called(node):
    """Names of the functions that a node's attributes hold."""
    for value in node.attr.values():
        yield from (function.name for function in (value.func, *value.list.func) if function.name)
