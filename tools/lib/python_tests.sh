#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run the Python tests on one interpreter: python_tests.sh VENV REPORT PATH...
#
# PYTHON (or the first one on PATH) gets a virtual environment at VENV with heapsight built into it
# and what the tests need; then pytest runs the PATHs and writes its JUnit report to REPORT.
# Called by tools/test, for other interpreters through `tools/pythons exec`.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -ge 3 ] || die "give it a folder for the environment, a file for the report, and tests"
readonly HANGS_AFTER_SECONDS=900 # one test; a machine may be slow, a deadlock is for ever
venv=$1
report=$2
shift 2

# Packages some tests do without: they are skipped, and say so, where one cannot be installed.
# No package is built from source here: that takes longer than all tests.
install_optional() {
    local line
    while read -r line; do
        [ -n "$line" ] && [ "${line:0:1}" != "#" ] || continue
        pip_install "$venv" --only-binary :all: "$line" >"$LOGS/pip-$MINOR-optional.log" 2>&1 ||
            say "Python $MINOR: cannot install $line here, so the tests that use it are skipped"
    done <"$CHECKOUT/tests/requirements-optional.txt"
}

mapfile -t packages < <(build_packages)
need_python "${packages[@]}"
say "Python $MINOR: $PYTHON"
need_venv "$venv"
install_heapsight "$venv"
step "requirements-$MINOR" pip_install "$venv" -r "$CHECKOUT/tests/requirements.txt"
install_optional
cd "$CHECKOUT"
exec "$venv/bin/python" -m pytest -q --timeout "$HANGS_AFTER_SECONDS" --junitxml "$report" "$@"
