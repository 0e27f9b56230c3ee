# SPDX-License-Identifier: MIT
"""Functions, closures, generators in the middle, classes, exceptions that are kept."""


def counter(start):
    state = start + 1000

    def count(step):
        nonlocal state
        state += step
        return state

    return count


def numbers(limit):
    for number in range(limit):
        yield number * 1000


def run():
    counters = [counter(number) for number in range(300)]
    for number, count in enumerate(counters):
        count(number)
    paused = [numbers(number) for number in range(100)]
    for generator in paused:
        next(generator, None)
    problems = []
    for number in range(50):
        try:
            raise ValueError("problem %d" % number)
        except ValueError as problem:
            problems.append(problem)
    classes = [type("Made%d" % number, (), {"value": number}) for number in range(10)]
    return counters, paused, problems, classes
