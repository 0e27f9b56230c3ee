# SPDX-License-Identifier: MIT
"""A program that does little but allocate, some ten million blocks a second: the worst case for a
tracer. Seven parts of about equal weight, each under 20 frames more than it needs, because a real
program allocates deep in a framework. run() returns a check sum that no tracer may change.
"""

from __future__ import annotations

import json
from collections.abc import Callable

EXTRA_FRAMES = 20


def orders(rounds: int) -> int:
    """JSON: a list of orders is written and read again."""
    listing = [
        {"order": number, "customer": f"customer {number % 37}", "paid": number % 3 == 0,
         "lines": [{"article": f"A{number}-{place}", "count": place + 1, "price": place * 1.25}
                   for place in range(3)]}
        for number in range(300)
    ]
    length = 0
    for _ in range(rounds):
        listing = json.loads(json.dumps(listing))
        length += len(listing)
    return length


class Cell:
    """A cell of a sheet; what depends on it is told when it changes."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.watchers: list[Rule] = []


class Rule:
    """target = source + amount."""

    def __init__(self, source: Cell, target: Cell, amount: int) -> None:
        self.source = source
        self.target = target
        self.amount = amount
        source.watchers.append(self)


def sheet(rounds: int) -> int:
    """A graph of constraints is built, solved and dropped."""
    total = 0
    for number in range(rounds):
        cells = [Cell(place) for place in range(250)]
        for place in range(1, 250):
            Rule(cells[place - 1], cells[place], place % 9)
            if place % 2:
                Rule(cells[place // 2], cells[place], number % 5)
        pending = [cells[0]]
        changed = {id(cells[0])}
        while pending:
            cell = pending.pop()
            for rule in cell.watchers:
                rule.target.value = rule.source.value + rule.amount
                if id(rule.target) not in changed:
                    changed.add(id(rule.target))
                    pending.append(rule.target)
        total += cells[-1].value
    return total


class Parcel:
    """One link of a queue."""

    __slots__ = ("after", "number", "content")

    def __init__(self, after: Parcel | None, number: int) -> None:
        self.after = after
        self.number = number
        self.content = [number] * 5


def post(rounds: int) -> int:
    """Queues of small packets that are opened one by one."""
    total = 0
    for _ in range(rounds):
        queue: Parcel | None = None
        for number in range(220):
            queue = Parcel(queue, number)
        while queue is not None:
            opened, queue = queue, queue.after
            total += sum([value * 3 + opened.number for value in opened.content])
    return total


def arrangements(letters: int) -> int:
    """Recursion with a tuple for every step."""

    def extend(done: tuple[int, ...], free: tuple[int, ...]) -> int:
        if not free:
            return 1
        return sum(extend((*done, letter), tuple(other for other in free if other != letter))
                   for letter in free if not done or abs(letter - done[-1]) != 1)

    return extend((), tuple(range(letters)))


def labels(rounds: int) -> int:
    """Strings: formatted, joined, replaced, split."""
    length = 0
    for number in range(rounds):
        lines = [f"{number}:{place};" + "-" * (place % 29) for place in range(1800)]
        length += len(" ".join(lines).replace(";", "=").title().split(" "))
    return length


class Branch:
    """A node of a binary tree."""

    def __init__(self, left: Branch | None, right: Branch | None) -> None:
        self.left = left
        self.right = right


def grow(depth: int) -> Branch:
    return Branch(grow(depth - 1), grow(depth - 1)) if depth else Branch(None, None)


def size(tree: Branch | None) -> int:
    return 1 + size(tree.left) + size(tree.right) if tree is not None else 0


def forest(rounds: int) -> int:
    """Trees that come and go."""
    return sum(size(grow(9)) for _ in range(rounds))


def callbacks(rounds: int) -> int:
    """Closures with what they hold, in a table that overwrites them."""
    table: dict[int, tuple[Callable[[int], int], list[int], dict[str, object]]] = {}
    for number in range(rounds):
        table[number % 900] = (lambda more, base=number: base + more, [number, -number],
                               {"number": number, "text": (number, str(number))})
    return sum(entry[0](1) for entry in table.values())


PARTS: tuple[tuple[Callable[[int], int], int], ...] = (
    (orders, 80), (sheet, 260), (post, 800), (arrangements, 8), (labels, 130), (forest, 260),
    (callbacks, 190_000),
)


TURNS = 16


def under(frames: int, part: Callable[[int], int], rounds: int) -> int:
    return under(frames - 1, part, rounds) if frames else part(rounds)


def turns(scale: float = 1.0) -> list[Callable[[], list[int]]]:
    """All parts, cut into turns of about the same length, while one large tree stays. `scale` shortens
    them, but for the recursion, which has a turn of its own and is left out below 1."""
    kept: list[Branch] = []

    def plant() -> list[int]:
        kept.append(grow(15))
        return []

    def turn() -> list[int]:
        return [under(EXTRA_FRAMES, part, max(int(rounds * scale / TURNS), 1))
                for part, rounds in PARTS if part is not arrangements]

    def recursion() -> list[int]:
        return [under(EXTRA_FRAMES, part, rounds) for part, rounds in PARTS if part is arrangements]

    return [plant, *[turn] * TURNS, *([recursion] if scale >= 1 else []),
            lambda: [size(kept[0])]]


def run(scale: float = 1.0) -> list[list[int]]:
    """All turns, one after the other."""
    return [turn() for turn in turns(scale)]
