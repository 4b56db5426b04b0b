#!/bin/sh
# Bring .venv up to date with a lock file: sh paytrust/localstack/install.sh requirements.lock
#
# The environment is made anew when it is not whole. Not every machine has ensurepip, and not every
# pip can install into another environment, so one of the two must do. PYTHON names the interpreter.
set -eu
lock=$1
python=${PYTHON:-python3}
bin=.venv/bin

whole() { "$bin/python" -c '' 2>/dev/null; }

# What `make test` needs contains what `make demo` needs.
for installed in "$lock" requirements.lock; do
  if cmp -s "$installed" .venv/installed.lock && whole; then exit 0; fi
done
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "PayTrust needs Python 3.11 or newer and '$python' is not that; name one with PYTHON=..." >&2
  exit 1
fi
if [ ! -e .venv/installed.lock ] || ! whole; then rm -rf .venv; fi
rm -f .venv/installed.lock
began=$(date +%s)
echo "Installing $(grep -c '==' "$lock") packages into .venv (about a minute the first time) ..."
set -- install --quiet --no-input --no-deps --require-hashes --requirement "$lock" # a lock is whole
# Most of what only developers need is compiled when it is first used, or never. What the stack needs
# is compiled now, or its processes, which start together, would each do it.
if [ "$lock" = requirements.lock ]; then set -- "$@" --no-compile; fi
if "$python" -m pip --python "$(command -v "$python")" --version >/dev/null 2>&1; then
  [ -e "$bin/python" ] || "$python" -m venv --without-pip .venv
  "$python" -m pip --python "$bin/python" "$@"
elif "$python" -m venv .venv >/dev/null 2>&1; then
  "$bin/python" -m pip "$@"
else
  rm -rf .venv
  echo "PayTrust needs pip 22.3 or newer (or ensurepip) in '$python'." >&2
  exit 1
fi
cp "$lock" .venv/installed.lock
echo "Installed in $(($(date +%s) - began)) s."
