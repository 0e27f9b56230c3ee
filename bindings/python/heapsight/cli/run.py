# SPDX-License-Identifier: MIT
"""heapsight run: runs a program and writes snapshots of it."""

import argparse
from collections.abc import Sequence

__all__ = ["HELP", "NAME", "add_arguments", "run", "with_module_apart"]

NAME = "run"
HELP = "run a program and write snapshots at its start, at its end and in between"
EPILOG = """\
The program runs as `python SCRIPT` or `python -m MODULE` would run it; its exit code and its
messages are its own. Snapshots are named by number and occasion: start, timer, signal, exit, or
exception when the program dies of one. Garbage is collected before each, except those of the timer.
SIGTERM writes an exit snapshot first; a second one ends the program at once. A program that leaves
by os._exit() or is killed writes none at its end, and neither do child processes.
"""

ENDS = "ends the program; USR1 and USR2 are free to use"
FAULT = "reports a fault in the program; USR1 and USR2 are free to use"
NOT_FOR_SNAPSHOTS = {
    "SIGKILL": "cannot be caught; USR1 and USR2 are free to use",
    "SIGSTOP": "cannot be caught; USR1 and USR2 are free to use",
    "SIGTERM": ENDS,
    "SIGINT": ENDS,
    "SIGSEGV": FAULT,
    "SIGBUS": FAULT,
    "SIGFPE": FAULT,
    "SIGILL": FAULT,
    "SIGABRT": FAULT,
}


WITH_VALUE = ("-o", "--output", "--every", "--signal")


def with_module_apart(words: Sequence[str]) -> list[str]:
    """The command line with -mMODULE as two words.

    argparse takes what is joined to an option for all of its value, and would go on looking for
    options among the arguments of the module.
    """
    at = 1
    while words[:1] == [NAME] and at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word.startswith("-m") and word != "-m":
            return [*words[:at], "-m", word[2:], *words[at + 1 :]]
        if word in ("-m", "--"):
            break
        at += 2 if word in WITH_VALUE else 1
    return list(words)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[-o DIR] [--every SECONDS] [--signal NAME] [--values] SCRIPT|-m MODULE [ARGS]"""
    parser.usage = (
        "%(prog)s [-o DIR] [--every SECONDS] [--signal NAME] [--values] SCRIPT|-m MODULE [ARGS]"
    )
    parser.epilog = EPILOG
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="folder for the snapshots, made if missing (default: heapsight-PID)",
    )
    parser.add_argument(
        "--every", type=_seconds, metavar="SECONDS", help="take a snapshot every so many seconds"
    )
    parser.add_argument(
        "--signal",
        type=_signal,
        metavar="NAME",
        help="take a snapshot on this signal, such as USR1",
    )
    parser.add_argument(
        "--values", action="store_true", help="keep short previews of strings and numbers"
    )
    parser.add_argument(
        "-m",
        dest="module",
        nargs=argparse.REMAINDER,
        metavar="MODULE",
        help="run a module, as python -m does; everything after it is the program's",
    )
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT",
        help="run a script; everything after it is the program's",
    )


def run(args: argparse.Namespace) -> int:
    """Run the program in this process; comes back only if it ends without an exception."""
    from heapsight import HeapsightValueError
    from heapsight.cli._program import Module, located_script, run_program
    from heapsight.cli._recorder import Recorder

    words = args.script if args.module is None else args.module
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        missing = "SCRIPT or -m MODULE" if args.module is None else "MODULE after -m"
        raise HeapsightValueError(f"run: say which program to run: {missing}")
    program = located_script(words) if args.module is None else Module(words)
    run_program(program, Recorder(args.output, args.every, args.signal, args.values))
    return 0


def _seconds(text: str) -> float:
    """A time above 0 that a lock can wait for."""
    from _thread import TIMEOUT_MAX

    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _signal(text: str) -> int:
    """A signal by name, with or without SIG, or by number."""
    from signal import Signals

    name = text.upper().removeprefix("SIG")
    for known in Signals:
        if name in (known.name.removeprefix("SIG"), str(int(known))):
            if known.name in NOT_FOR_SNAPSHOTS:
                raise argparse.ArgumentTypeError(f"{known.name} {NOT_FOR_SNAPSHOTS[known.name]}")
            return int(known)
    raise argparse.ArgumentTypeError(f"no signal is called {text!r}; USR1 and USR2 are free to use")
