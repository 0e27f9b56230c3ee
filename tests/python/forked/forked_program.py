# SPDX-License-Identifier: MIT
"""How the programs of these tests begin."""

BEGIN = """
import glob, heapsight, os, signal, sys, threading, time

class Item:
    def __init__(self, number):
        self.number = number
        self.kept = [number]

def heap(count):
    return [Item(number) for number in range(count)]

def left_over(folder="."):
    return [name for name in os.listdir(folder) if "heapsight" in name]

def children():
    return open(f"/proc/self/task/{os.getpid()}/children").read().split()

def refusal(pending, **more):
    try:
        pending.result(**more)
    except heapsight.HeapsightError as problem:
        return problem
    raise AssertionError("there is a snapshot")
"""
