# SPDX-License-Identifier: MIT
"""Parsing, formatting, sorting, regular expressions: C code that allocates for a line."""

import json
import re


def run():
    rows = [{"id": number + 1000, "tags": ["a", "b%d" % number], "name": "n%d" % number}
            for number in range(300)]
    text = json.dumps(rows)
    again = json.loads(text)
    words = re.findall(r"n\d+", text)
    words.sort(key=len)
    return again, words, text
