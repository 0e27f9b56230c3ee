# SPDX-License-Identifier: MIT
"""Tests of whole programs drive them with the demo's runner."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
