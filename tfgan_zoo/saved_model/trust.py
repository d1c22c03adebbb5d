"""Whether a SavedModel can be loaded without harm: its files are those of its card, and its graph only computes.

A SavedModel is a program: TensorFlow runs whatever operations it names, and some of them read and write files, run Python
or reach the network. So the graph is first read as data, and loaded only if every operation in it is one of `HARMLESS`.

This is an allowlist: TensorFlow has 1,400 operations, each version adds some, and nothing marks the harmful ones:
`ReadFile` and `ImmutableConst`, which maps a file into memory, count as stateless. The list is wider than what this library
exports (arithmetic, networks, images, strings, random numbers, control flow, variables and tables in memory), so that other
generators pass too.

A graph that passes can still use up memory or time, or exploit a flaw in TensorFlow. Hashes next to the files reveal damage
and careless changes; whoever can write the files can write the card. The files must not change between this check and the
loading.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.operations import HARMFUL, HARMLESS

UNHASHED = {"model_card.json", "README.md"}  # the card holds the hashes, and the README is generated from it

# By which the loader's own functions read and write checkpoints. No other function may hold them.
RESTORING, SAVING = {"RestoreV2"}, {"RestoreV2", "SaveV2", "ShardedFilename", "MergeV2Checkpoints"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """A reason to refuse a graph.

    name: of an operation or attribute; where: the node and its function, in words; reason: a clause without its subject.
    """

    name: str
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.where}) {self.reason}"


def check(folder: str | Path) -> None:
    """Refuses a version folder that cannot be trusted: by `verify` if it has a card, and by `refuse_unsafe`.

    Raises:
        ZooError: names the file or operation, and says what would do.
    """
    if (Path(folder) / "model_card.json").exists():
        verify(folder)
    refuse_unsafe(folder)


ADVICE = "Fetch or export it again; if you know why it differs and trust it, give --unsafe."


def verify(folder: str | Path, advice: str = ADVICE) -> None:
    """Compares every file of a version folder with the sha256 in its model_card.json.

    advice: what the error says to do about files that differ.

    Raises:
        ZooError: there is no card or it holds no hashes, or files are missing, added or changed; names them.
    """
    folder = Path(folder)
    expected = hashes_of(folder)
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}
    changed = [n for n, p in files.items() if n in expected and not (p.is_file() and sha256(p) == expected[n])]
    differences = {
        "missing": sorted(set(expected) - set(files)),
        "added": sorted(set(files) - set(expected) - UNHASHED),
        "changed": sorted(changed),
    }
    if any(differences.values()):
        summary = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in differences.items() if names)
        raise ZooError(f"{folder} does not match the hashes in its model_card.json: {summary}. {advice}")


def hashes_of(folder: Path) -> dict[str, str]:
    """{file: sha256 in hexadecimal} from a version folder's card."""
    path = folder / "model_card.json"
    try:
        card = json.loads(path.read_text())
    except FileNotFoundError:
        raise ZooError(f"{folder} has no model_card.json, so its files cannot be verified.") from None
    except ValueError as error:
        raise ZooError(f"{path} is not JSON ({error}); fetch or export the folder again.") from None
    hashes = card.get("sha256") if isinstance(card, dict) else None
    if not isinstance(hashes, dict) or not hashes:
        raise ZooError(f"{path} holds no sha256 of the files; fetch or export the folder again.")
    return hashes


def sha256(path: Path) -> str:
    """In hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_unsafe(folder: str | Path) -> None:
    """Reads the graph of a SavedModel without loading it, and refuses one that does more than compute; see `findings`.

    Raises:
        ZooError: names the operations.
    """
    problems = findings(folder)
    if problems:
        summary = "; ".join(map(str, problems[:5])) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise ZooError(
            f"{folder} is not loaded, because a SavedModel is a program and this one does more than compute: {summary}. "
            f"If you trust its author, give --unsafe."
        )


def findings(folder: str | Path) -> list[Finding]:
    """What the main graphs and function libraries of a SavedModel hold beyond `HARMLESS`.

    Checkpoint operations pass only in the loader's own functions, if nothing but the loader can call them and they read the
    file that the loader names. `_XlaMustCompile` is a finding too: TF Serving has XLA off and cannot run it.

    Raises:
        ZooError: there is no saved_model.pb, it cannot be read, or there is a graph in a file of another kind as well.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    folder = Path(folder)
    others = sorted(p.name for p in folder.glob("saved_model.*") if p.name != "saved_model.pb")
    if others:
        raise ZooError(
            f"{folder} holds {', '.join(others)}, which a loader may read instead of saved_model.pb; remove it."
        )
    if not (folder / "saved_model.pb").is_file():
        raise ZooError(f"{folder} holds no saved_model.pb; give a folder such as export/sngan_mnist/1.")
    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ZooError(f"{folder}/saved_model.pb is not a SavedModel: {error}.") from None
    return [finding for meta_graph in saved.meta_graphs for finding in findings_of(meta_graph)]


def findings_of(meta_graph: Any) -> list[Finding]:
    """The findings in one `MetaGraphDef`."""
    library = meta_graph.graph_def.library.function
    functions = {function.signature.name: function for function in library}
    privileged = loaders_functions(meta_graph, functions)
    problems = [Finding(n, "function", "has the name of an operation") for n in functions if n in HARMLESS]
    if len(functions) < len(library):
        problems.append(Finding("function library", "graph", "holds two functions of one name"))
    for node in meta_graph.graph_def.node:
        problems += findings_in(node, "main graph")
    for name, function in functions.items():
        if function.attr["_XlaMustCompile"].b:
            problems.append(Finding("_XlaMustCompile", f"function {name}", "asks for XLA, which TF Serving has off"))
        for node in function.node_def:
            file_name = [argument.name for argument in function.signature.input_arg[:1]]
            reads_named_file = node.op != "RestoreV2" or list(node.input[:1]) == file_name
            allowed = privileged.get(name, set()) if reads_named_file else set()
            problems += findings_in(node, f"function {name}", allowed)
    return problems


def findings_in(node: Any, where: str, allowed: Set[str] = frozenset()) -> Iterator[Finding]:
    """The findings in one `NodeDef`; allowed: operations beyond `HARMLESS`."""
    place = f"node {node.name} of {where}" if where.startswith("function") else f"node {node.name}"
    if node.op not in HARMLESS and node.op not in allowed:
        yield Finding(node.op, place, reason_against(node.op))
    if node.attr["_XlaMustCompile"].b:
        yield Finding("_XlaMustCompile", place, "asks for XLA, which TF Serving has off")


def reason_against(op: str) -> str:
    reasons = (reason for reason, ops in HARMFUL.items() if op in ops)
    return next(reasons, "is not among the operations known to only compute")


def loaders_functions(meta_graph: Any, functions: Mapping[str, Any]) -> dict[str, set[str]]:
    """{function: operations that it may hold beyond `HARMLESS`} of the functions that restore and save the variables.

    Two nodes, which the saver names, call them with the file name that the loader feeds, and no signature, other node,
    function or Python object leads to them. Loading a model runs the first, which must read the file that it is given, and
    never the second.
    """
    saver, graph = meta_graph.saver_def, meta_graph.graph_def
    file_name = node_of(saver.filename_tensor_name)
    allowed = {node_of(saver.save_tensor_name): SAVING, saver.restore_op_name: RESTORING}
    tensors = [t for s in meta_graph.signature_def.values() for side in (s.inputs, s.outputs) for t in side.values()]
    used = [tensor.name for tensor in tensors]
    used += [source for node in graph.node for source in node.input]
    used += [name for collection in meta_graph.collection_def.values() for name in collection.node_list.value]
    # With a sparse or composite tensor, which has several names, no function is privileged.
    plain = all(tensor.WhichOneof("encoding") in (None, "name") for tensor in tensors)
    files = [node.op for node in graph.node if node.name == file_name]
    sources = [source.partition(":")[0] for node in graph.node if node.name in allowed for source in node.input[:1]]
    fed = set(files) == {"Placeholder"} and set(sources) == {file_name}
    if not (plain and fed) or allowed.keys() & set(map(node_of, used)):
        return {}
    objects = meta_graph.object_graph_def
    reached = set(objects.concrete_functions)
    reached |= {n.bare_concrete_function.concrete_function_name for n in objects.nodes}
    reached |= {name for n in objects.nodes for name in n.function.concrete_functions}
    reached |= {name for function in functions.values() for node in function.node_def for name in called(node)}
    privileged: dict[str, set[str]] = {}
    for node in graph.node:
        for name in called(node):
            privileged[name] = privileged.get(name, SAVING) & allowed.get(node.name, set())
    return {name: operations for name, operations in privileged.items() if name not in reached}


def node_of(tensor: str) -> str:
    """The name of the node that a tensor or a control input is from."""
    return tensor.removeprefix("^").partition(":")[0]


def called(node: Any) -> Iterator[str]:
    """Names of the functions that a node's attributes hold."""
    for value in node.attr.values():
        yield from (function.name for function in (value.func, *value.list.func) if function.name)
