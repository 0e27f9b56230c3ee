# SPDX-License-Identifier: MIT
"""The benchmark of tools/bench: heaps, operations, the process that runs one, the report."""
