#!/usr/bin/env bash
# tensorflow-tpu 2.20.0, the last of its name, requires "libtpu~=0.0.14", so pip installs the newest libtpu 0.0.x with it. Expected: any of
# those works, as the requirement says. Seen: TensorFlow looks up functions by name in libtpu when it is imported, and one of them,
# ConfigureDistributedTpuOp_DoWork, is in libtpu 0.0.14 and up to 0.0.42.1 at least, and no longer in 0.0.46 and later ones. With those
# the import of TensorFlow ends the process. Pinning libtpu to the version of the release mends it. This script reads the files and imports nothing.
#
# tensorflow-tpu 2.20.0, libtpu 0.0.14 and 0.0.52, Python 3.11. What it printed:
#   Requires-Dist: libtpu~=0.0.14
#   libtpu 0.0.14 names ConfigureDistributedTpuOp_DoWork: yes
#   libtpu 0.0.52 names ConfigureDistributedTpuOp_DoWork: no
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
cat > "$folder/names.py" <<'PYTHON'
import pathlib
import sys
import zipfile

folder = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("tensorflow_tpu-*.whl"))) as wheel:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    print(*(line for line in wheel.read(metadata).decode().splitlines() if "libtpu" in line), sep="\n")
for path in sorted(folder.glob("libtpu-*.whl")):
    with zipfile.ZipFile(path) as wheel:
        found = b"ConfigureDistributedTpuOp_DoWork" in wheel.read("libtpu/libtpu.so")
    version = path.name.split("-")[1]
    print(f"libtpu {version} names ConfigureDistributedTpuOp_DoWork: {'yes' if found else 'no'}")
PYTHON
for package in tensorflow-tpu==2.20.0 libtpu==0.0.14 libtpu==0.0.52; do
    "$folder/env/bin/pip" download -q --no-deps --only-binary=:all: -d "$folder" "$package"
done
"$folder/env/bin/python" "$folder/names.py" "$folder" | tee "$folder/output"
grep -Fq 'Requires-Dist: libtpu~=0.0.14' "$folder/output"
grep -Fq 'libtpu 0.0.14 names ConfigureDistributedTpuOp_DoWork: yes' "$folder/output"
grep -Fq 'libtpu 0.0.52 names ConfigureDistributedTpuOp_DoWork: no' "$folder/output"
