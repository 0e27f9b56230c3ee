# SPDX-License-Identifier: MIT
"""`python -m heapsight` is the heapsight command."""

import sys

from heapsight.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
