# SPDX-License-Identifier: MIT
"""Objects of classes, with and without __dict__, linked to each other, half of them dropped."""


class Plain:
    def __init__(self, number):
        self.number = number + 1000
        self.name = "plain" + str(number)
        self.next = None


class Slotted:
    __slots__ = ("left", "right", "payload")

    def __init__(self, left, payload):
        self.left = left
        self.right = None
        self.payload = payload


class Grown:
    pass


def run():
    kept = []
    last = None
    for number in range(400):
        plain = Plain(number)
        slotted = Slotted(last, b"p" * (number % 90))
        last = slotted if number % 7 else None
        plain.next = slotted
        grown = Grown()
        for place in range(number % 12):
            setattr(grown, "attribute%d" % place, number + 5000)
        if number % 2:
            kept.append(plain)
            kept.append(grown)
    return kept, last
