# SPDX-License-Identifier: MIT
"""heapsight run: runs a program and writes snapshots of it."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heapsight import Tracer
    from heapsight._recorder import Recorder
    from heapsight.cli._program import Program

__all__ = ["HELP", "NAME", "add_arguments", "run", "with_module_apart"]

NAME = "run"
HELP = "run a program and write snapshots at its start, at its end and in between"
EPILOG = """\
The program runs as python would run it; its exit code and its messages are its own. Snapshots are
named by number and occasion: start, timer, signal, rss, growth, memory_error, exit, or exception
when the program dies of one. Garbage is collected before each, except those of the timer, of
growing memory and of forked children. A snapshot knows who allocated its objects, as far as they were watched: see
heapsight stacks, and the end of what heapsight why prints.
SIGTERM writes an exit snapshot first; a second one ends the program at once. A program that leaves
by os._exit() or is killed writes none at its end; child processes write none without --children.
"""

SAMPLE_BYTES = 512 * 1024
WITH_VALUE = (  # options; a test compares them with the parser
    "-o",
    "--output",
    "--every",
    "--signal",
    "--on-signal",
    "--on-rss",
    "--on-growth",
    "--keep",
    "--memory-limit",
    "--sample",
    "--frames",
    "--report",
)


def with_module_apart(words: Sequence[str]) -> list[str]:
    """The command line with -mMODULE and -cCODE as two words.

    argparse takes what is joined to an option for all of its value, and would go on looking for
    options among the arguments of the program.
    """
    at = 1
    while words[:1] == [NAME] and at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word in ("-m", "-c", "-", "--"):
            break
        if word.startswith(("-m", "-c")):
            return [*words[:at], word[:2], word[2:], *words[at + 1 :]]
        at += 2 if word in WITH_VALUE else 1
    return list(words)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[-o PATH] [tracing] [occasions] [--report NAME] [--values] SCRIPT|-m MODULE|-c CODE [ARGS]"""
    parser.usage = "%(prog)s [options] SCRIPT|-m MODULE|-c CODE [ARGS]"
    parser.epilog = EPILOG
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="folder for the snapshots, made if missing (default: heapsight-PID); with --report the"
        " file for the report",
    )
    _add_occasions(parser)
    _add_tracing(parser)
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
        "-c",
        dest="code",
        nargs=argparse.REMAINDER,
        metavar="CODE",
        help="run code, as python -c does; everything after it is the program's",
    )
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT",
        help="run a script, - for stdin; everything after it is the program's",
    )


def _add_occasions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("more snapshots than those at the start and the end")
    group.add_argument("--every", type=_seconds, metavar="SECONDS", help="every so many seconds")
    group.add_argument(
        "--signal", "--on-signal", type=_signal, metavar="NAME", help="on this signal, such as USR1"
    )
    group.add_argument(
        "--on-rss", type=_size, metavar="SIZE", help="when the resident memory passes 2GB or so"
    )
    group.add_argument(
        "--on-growth", type=_size, metavar="SIZE", help="when it grew so much since the last one"
    )
    group.add_argument(
        "--on-memory-error", action="store_true", help="when an allocator has no memory"
    )
    group.add_argument(
        "--keep",
        type=_number,
        metavar="N",
        help="files of this run at most: the first one stays, of the others the newest; those of"
        " earlier runs are neither counted nor removed",
    )
    group.add_argument(
        "--fork",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="have a forked child take those of the timer, of a signal and of growing memory, so"
        " that the program waits some milliseconds only (default: with a million objects and"
        " more)",
    )
    group.add_argument(
        "--memory-limit",
        type=_size,
        metavar="SIZE",
        help="that such a child may take on top of what it shares with the program",
    )


def _add_tracing(parser: argparse.ArgumentParser) -> None:
    from heapsight import reports

    group = parser.add_argument_group("who allocates what")
    mode = group.add_mutually_exclusive_group()
    mode.add_argument("--exact", action="store_true", help="watch every allocation")
    mode.add_argument(
        "--sample",
        type=_size,
        default=SAMPLE_BYTES,
        metavar="SIZE",
        help="watch about one allocation in so many bytes (default: 512KiB)",
    )
    mode.add_argument("--off", action="store_true", help="watch none")
    group.add_argument(
        "--frames", type=_number, default=32, metavar="N", help="of a stack (default: 32)"
    )
    group.add_argument(
        "--children",
        action="store_true",
        help="follow children made by fork or multiprocessing: each writes child-PID.hsnap at its"
        " end, SIGTERM included",
    )
    group.add_argument(
        "--report",
        choices=reports.NAMES,
        help="write this about the allocations at the end, instead of snapshots at start and end",
    )


def run(args: argparse.Namespace) -> int:
    """Run the program in this process; comes back only if it ends without an exception."""
    from heapsight.cli._program import run_program

    program = _program(args)
    run_program(program, _recorder(args))
    return 0


def _program(args: argparse.Namespace) -> "Program":
    """The one that the command line names."""
    from heapsight import HeapsightValueError
    from heapsight.cli._program import Command, Module, located_script

    if args.module:
        return Module(args.module)
    if args.code:
        return Command(args.code)
    words = args.script[1:] if args.script[:1] == ["--"] else args.script
    if args.module is not None or args.code is not None or not words:
        missing = "SCRIPT, -m MODULE or -c CODE"
        raise HeapsightValueError(f"run: say which program to run: {missing}")
    return located_script(words)


def _recorder(args: argparse.Namespace) -> "Recorder":
    """The recorder that the options ask for, and the tracer running."""
    import os

    from heapsight import _core
    from heapsight._recorder import Forking, Occasions, Recorder

    _check_off(args)
    wants_snapshots = args.report is None
    occasions = Occasions(
        start=wants_snapshots,
        exit=wants_snapshots,
        exception=wants_snapshots,
        every=args.every,
        signal=args.signal,
        rss=args.on_rss,
        growth=args.on_growth,
        memory_error=args.on_memory_error,
    )
    tracer = _tracer(args)
    at_end = None if wants_snapshots else _report_writer(tracer, args.report, args.output)
    folder = (args.output if wants_snapshots else None) or f"heapsight-{os.getpid()}"
    _core.trace_stop()  # one that HEAPSIGHT started: the command line says more
    if tracer is not None:
        tracer.start()
    return Recorder(
        folder,
        occasions,
        args.values,
        args.keep,
        at_end,
        _following(folder, args) if args.children else str,
        remedy="-o names another folder",
        forking=Forking(args.fork, args.memory_limit),
    )


def _check_off(args: argparse.Namespace) -> None:
    """Refuse, together with --off, what takes the hook in the allocators."""
    from heapsight import HeapsightValueError

    if args.off and args.report:
        raise HeapsightValueError("run: --report tells of allocations, and --off watches none")
    if args.off and args.on_memory_error:
        raise HeapsightValueError(
            "run: --on-memory-error watches allocations, and --off watches none"
        )


def _mode(args: argparse.Namespace) -> str:
    if args.off:
        return "off"
    return "exact" if args.exact else "sampled"


def _tracer(args: argparse.Namespace) -> "Tracer | None":
    from heapsight import Tracer

    if args.off:
        return None
    return Tracer(_mode(args), args.frames, args.sample, follow_children=args.children)


def _following(folder: str, args: argparse.Namespace) -> Callable[[], str]:
    """Follow children; what it returns tells at the end which files they wrote."""
    import os

    from heapsight._children import Following
    from heapsight._environment import settings_text

    tracing = settings_text(_mode(args), args.frames, args.sample)
    return Following(tracing, args.values, os.path.abspath(folder)).begin(folder)


def _report_writer(tracer: Any, name: str, output: str | None) -> Callable[[], str]:
    import os

    from heapsight.reports import find

    shown = output or f"heapsight-{os.getpid()}{find(name).SUFFIXES[0]}"
    path = os.path.abspath(shown)  # the program may change its directory
    _check_place(path, shown)

    def write() -> str:
        tracer.trace().report(name, path)
        return f"wrote {shown}"

    return write


def _check_place(path: str, shown: str) -> None:
    """See before the program runs that a file can be written there, by making one beside it.

    Raises HeapsightOSError when it cannot.
    """
    import os

    from heapsight import HeapsightOSError

    target = os.path.realpath(path)
    problem = "it is not a file"
    if os.path.isfile(target) or not os.path.exists(target):
        trial = os.path.join(os.path.dirname(target), f".heapsight-{os.urandom(8).hex()}.tmp")
        try:
            os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            os.unlink(trial)
            return
        except OSError as refusal:
            problem = str(refusal.strerror)
    raise HeapsightOSError(f"run: cannot write {shown}: {problem}; -o names another file")


SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*(?:([KMGT])(I?)B?|B)?", re.I)
NUMBER = re.compile(r"0*[1-9][0-9]{0,8}")


def _size(text: str) -> int:
    """Bytes, with a unit or without: 512KiB, 2GB, 1000."""
    match = SIZE.fullmatch(text.strip())
    size = 0
    if match:
        base = 1024 if match[3] else 1000
        power = " KMGT".index((match[2] or " ").upper())
        size = int(float(match[1]) * base**power)
    if not 0 < size < 1 << 62:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 512KiB, 200MB or 2GB")
    return size


def _number(text: str) -> int:
    """A whole number above 0."""
    if not NUMBER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


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

    from heapsight._signals import UNUSABLE

    name = text.upper().removeprefix("SIG")
    for known in Signals:
        if name in (known.name.removeprefix("SIG"), str(int(known))):
            if known in UNUSABLE:
                raise argparse.ArgumentTypeError(
                    f"{known.name} {UNUSABLE[known]}; USR1 and USR2 are free to use"
                )
            return int(known)
    raise argparse.ArgumentTypeError(f"no signal is called {text!r}; USR1 and USR2 are free to use")
