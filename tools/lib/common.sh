# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What tools/demo, tools/test and .ci/run share: find or install what is missing, make a virtual
# environment, build heapsight into it. Sourced, never run. Needs bash 4.4 and nothing else.
#
# A function that cannot do its work ends the program with one sentence on stderr and exit code 2;
# a step that was started and failed shows the end of its log and ends with exit code 1.

readonly SUPPORTED_PYTHONS="3.11 3.12 3.13 3.14 3.15"
CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly CHECKOUT
readonly LOGS="$CHECKOUT/build/logs"
TOOL=$(basename "$0")

say() { printf '%s\n' "$@"; }

die() {
    printf '%s: %s\n' "$TOOL" "$*" >&2
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# The comment at the top of a script, from its title to the first line that is not a comment.
print_help() { sed -n '3,/^[^#]/ { /^[^#]/d; /^$/d; s/^# \{0,1\}//; p; }' "$1"; }

# step NAME COMMAND...: run with the output in build/logs/NAME.log, shown only when it fails.
step() {
    local log="$LOGS/$1.log" code=0
    shift
    mkdir -p "$LOGS"
    "$@" >"$log" 2>&1 </dev/null || code=$?
    [ "$code" = 0 ] && return 0
    tail -n 30 "$log" >&2
    printf '%s: "%s" failed with exit code %s; the whole log is %s\n' \
        "$TOOL" "$*" "$code" "$log" >&2
    exit 1
}

# --- packages of the system ----------------------------------------------------------------------

may_install() {
    have apt-get || return 1
    [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# install_packages NAME...: by apt, or say in one sentence what to install.
install_packages() {
    [ $# -gt 0 ] || return 0
    have apt-get || die "missing: $* (Debian's names); install them, then start again"
    may_install || die "missing packages; run: sudo apt-get install $*"
    say "Installing by apt: $*"
    if [ -z "${APT_UPDATED-}" ]; then
        step apt-update as_root apt-get update
        APT_UPDATED=yes
    fi
    step apt-install as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@"
}

compiler() {
    local name
    for name in "${CC:-cc}" gcc clang; do
        if have "${name%% *}"; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    return 1
}

# $1 is unquoted: CC may carry options, as in every makefile.
# shellcheck disable=SC2086
can_compile() { printf '#include <stdlib.h>\n' | $1 -x c -E - >/dev/null 2>&1; }

# build_packages: the packages without which heapsight does not build or does not draw.
build_packages() {
    local cc
    if ! cc=$(compiler); then
        printf '%s\n' gcc libc6-dev
    elif ! can_compile "$cc"; then
        printf '%s\n' libc6-dev
    fi
    if ! have pkg-config; then
        printf '%s\n' pkg-config libgraphviz-dev
    elif ! pkg-config --exists libcgraph; then
        printf '%s\n' libgraphviz-dev
    fi
    have dot || printf '%s\n' graphviz
}

# test_packages: what the tests of the C engine need besides.
test_packages() {
    { have pkg-config && pkg-config --exists check; } || printf '%s\n' check
    have c++ || have g++ || have clang++ || printf '%s\n' g++
}

# reader_packages: programs that open what heapsight exports; tests that use one are skipped without.
reader_packages() {
    have chromium || printf '%s\n' chromium
    have chromedriver || printf '%s\n' chromium-driver
    have go || printf '%s\n' golang-go
}

# --- Python --------------------------------------------------------------------------------------

# Prints three lines: minor version, executable, and what it lacks (support, headers, ensurepip).
readonly PYTHON_PROBE='
import importlib.util, os, platform, sys, sysconfig
minor = "%d.%d" % sys.version_info[:2]
lacks = []
if minor not in sys.argv[1].split() or platform.python_implementation() != "CPython":
    lacks.append("support")
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    lacks.append("support")
if not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")):
    lacks.append("headers")
if importlib.util.find_spec("ensurepip") is None:
    lacks.append("ensurepip")
print(minor, getattr(sys, "_base_executable", "") or sys.executable, " ".join(lacks), sep="\n")
'

probe_python() { "$1" -I -c "$PYTHON_PROBE" "$SUPPORTED_PYTHONS" 2>/dev/null; }

# accept_python NAME: set PYTHON, MINOR and LACKS to a supported interpreter, or return 1.
accept_python() {
    local found
    mapfile -t found < <(probe_python "$1")
    [ "${#found[@]}" -ge 2 ] && [[ ${found[2]-} != *support* ]] || return 1
    MINOR=${found[0]} PYTHON=${found[1]} LACKS=${found[2]-}
}

# look_for_python: the first interpreter on PATH that lacks nothing, else the first supported one.
# PYTHON, where it is set, is the only one looked at. Returns 1 when there is none.
look_for_python() {
    local name fallback="" names=(python3 python3.13 python3.14 python3.15 python3.12 python3.11)
    [ -z "${PYTHON-}" ] || names=("$PYTHON")
    for name in "${names[@]}"; do
        accept_python "$name" || continue
        [ -n "$LACKS" ] || return 0
        fallback=${fallback:-$name}
    done
    [ -n "$fallback" ] && accept_python "$fallback"
}

# The newest supported interpreter that apt offers, for a system whose python3 is too old.
python_of_apt() {
    local minor
    have apt-cache || return 1
    for minor in 3.13 3.12 3.11; do
        if apt-cache show "python$minor" >/dev/null 2>&1; then
            printf '%s\n' "python$minor"
            return 0
        fi
    done
    return 1
}

# python_packages: what an interpreter with headers and ensurepip takes; nothing when there is one.
python_packages() {
    local name=python3
    if look_for_python; then
        [ -n "$LACKS" ] || return 0
        [[ $PYTHON == /usr/bin/* ]] || die "$PYTHON lacks ${LACKS/ / and }: set PYTHON to another"
        [[ $LACKS != *headers* ]] || printf '%s\n' "python$MINOR-dev"
        [[ $LACKS != *ensurepip* ]] || printf '%s\n' "python$MINOR-venv"
        return 0
    fi
    [ -z "${PYTHON-}" ] || die "PYTHON=$PYTHON is not CPython 3.11 to 3.15 with the GIL"
    if have python3; then
        name=$(python_of_apt) || die "needs CPython 3.11 to 3.15: set PYTHON to the path of one"
    fi
    printf '%s\n' "$name" "$name-venv" "$name-dev"
}

# need_python PACKAGE...: install those packages and what else it takes, all at once, so that
# PYTHON and MINOR name an interpreter with headers and ensurepip.
need_python() {
    local packages
    packages=$(python_packages)
    # shellcheck disable=SC2086 # names of packages hold no spaces
    install_packages $packages "$@"
    look_for_python || packages=$(python_packages) # a new system whose own python3 is too old
    # shellcheck disable=SC2086
    look_for_python || install_packages $packages
    look_for_python || die "needs CPython 3.11 to 3.15: set PYTHON to the path of one"
    [ -z "$LACKS" ] || die "$PYTHON still lacks ${LACKS/ / and }"
}

venv_fits() {
    local found
    mapfile -t found < <(probe_python "$1/bin/python")
    [ "${found[0]-}" = "$MINOR" ] && "$1/bin/python" -m pip --version >/dev/null 2>&1
}

# need_venv FOLDER: a virtual environment on PYTHON; one that does not fit is made anew.
need_venv() {
    venv_fits "$1" || step "venv-$MINOR" "$PYTHON" -m venv --clear "$1"
}

pip_install() { # FOLDER ARGUMENTS...
    local folder=$1
    shift
    "$folder/bin/python" -m pip install --disable-pip-version-check --no-input --quiet "$@"
}

# install_heapsight FOLDER: build this checkout into a virtual environment.
install_heapsight() { step "build-$MINOR" pip_install "$1" "$CHECKOUT"; }

# --- results of test runs, summed by counts.py ---------------------------------------------------

readonly RESULTS="$CHECKOUT/build/results"

# record NAME COMMAND...: run tests, which write their JUnit report to RESULTS/NAME.xml, and keep
# their exit code. Neither a failing run nor a step that fails on the way to it ends the program.
record() {
    local name=$1 code=0
    shift
    say "" "--- $name"
    mkdir -p "$RESULTS"
    rm -f "$RESULTS/$name".*
    ("$@") </dev/null || code=$?
    printf '%s\n' "$code" >"$RESULTS/$name.code"
}

# record_skip NAME REASON: a run that cannot be made here.
record_skip() {
    mkdir -p "$RESULTS"
    rm -f "$RESULTS/$1".*
    printf '%s\n' "$2" >"$RESULTS/$1.skip"
}

# print_counts: the table and the closing line; fails when a test failed.
print_counts() { "${PYTHON:-python3}" "$CHECKOUT/tools/lib/counts.py" "$RESULTS"; }
