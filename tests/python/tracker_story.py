# SPDX-License-Identifier: MIT
"""The same life told by any class tracker: python tracker_story.py MODULE prints its tables."""

import importlib
import sys


class Sized:
    def __init__(self, size):
        self.data = bytearray(size)


class Other:
    pass


class AClassWithANameThatIsLongerThanTheColumn(Other):
    pass


def story(kind, stream):
    """Two classes, four snapshots, one death. Returns the tracker and what is still alive."""
    tracker = kind(stream)
    tracker.track_class(Sized)
    tracker.track_class(Other, name="Other")
    tracker.create_snapshot("Begin")
    kept = [Sized(1000), Sized(5_000_000), Other()]
    tracker.detach_class(Other)
    kept.append(AClassWithANameThatIsLongerThanTheColumn())
    tracker.track_object(kept[3])
    tracker.create_snapshot("A description that is too long for the column it stands in")
    del kept[0]
    tracker.create_snapshot("two\nlines", compute_total=True)
    tracker.create_snapshot()
    tracker.detach_all_classes()
    return tracker, kept


def main():
    kind = importlib.import_module(sys.argv[1]).ClassTracker
    tracker, kept = story(kind, sys.stdout)
    tracker.stats.print_summary()
    for name in tracker.stats.tracked_classes:
        for tracked in tracker.index[name]:
            tracker.stats.print_object(tracked)
    del kept


if __name__ == "__main__":
    main()
