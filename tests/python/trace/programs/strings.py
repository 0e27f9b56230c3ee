# SPDX-License-Identifier: MIT
"""Text, bytes, big ints and buffers that grow."""


def run():
    kept = []
    buffer = bytearray()
    for number in range(500):
        text = "name-" + str(number * 977)
        kept.append(text)
        kept.append(text.encode() + b"x" * (number % 50))
        buffer.extend(text.encode())
        kept.append(1 << (number % 300 + 70))
        if number % 3 == 0:
            del kept[number // 2]
    joined = ",".join(str(number) for number in range(3000))
    return kept, buffer, joined.split(",")
