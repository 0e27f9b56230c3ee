# SPDX-License-Identifier: MIT
"""The heapsight command.

A subcommand is one module with NAME, HELP, add_arguments(parser) and run(args), which returns the
exit code. What a subcommand works with is imported inside its run().
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from heapsight import __version__
from heapsight.cli import audit, diff, graph, info, run, stacks, types, why
from heapsight.cli._exit import ProgramFailed, report

__all__ = ["main"]

COMMANDS = (run, info, types, diff, audit, stacks, why, graph)

DESCRIPTION = "Memory profiler and leak finder for Python programs."
EPILOG = """\
first steps:
  heapsight run app.py              write snapshots while app.py runs
  heapsight diff FIRST LAST         what grew between two of them
  heapsight audit FIRST LAST        what C code leaked between them
  heapsight why LAST --type NAME    what keeps the objects of a type alive
  heapsight stacks LAST             which lines allocated what is alive

exit codes: 0 done, 1 out of memory, 2 bad input or a file that cannot be read or written,
3 something grew (heapsight audit --check); heapsight run ends as the program ends.
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; the usage text is one --help away."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help shows how to call it)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, sys.argv[1:] if None, and return the exit code."""
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        args = _parser().parse_args(run.with_module_apart(words))
        code: int = args.run(args)
        return code
    except ProgramFailed as ended:
        failure = ended.failure
    except (Exception, KeyboardInterrupt) as problem:
        return report(problem)
    raise failure  # the program's own exception: the interpreter treats it as it always does


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="heapsight",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"heapsight {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.NAME, help=command.HELP, description=command.HELP, allow_abbrev=False
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser
