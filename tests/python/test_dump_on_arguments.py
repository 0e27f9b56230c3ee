# SPDX-License-Identifier: MIT
"""dump_on(): what its arguments may be, and that bad ones change nothing."""

import signal
import sys

import heapsight as package
import pytest
from snapshot_files import names


@pytest.mark.parametrize(
    ("wrong", "error", "word"),
    [
        ({"every": 0}, ValueError, "every"),
        ({"every": -1.5}, ValueError, "every"),
        ({"every": float("nan")}, ValueError, "every"),
        ({"every": 1e15}, ValueError, "every"),
        ({"every": "60"}, TypeError, "every"),
        ({"rss": 0}, ValueError, "rss"),
        ({"rss": 1 << 70}, ValueError, "rss"),
        ({"rss": "2GB"}, TypeError, "rss"),
        ({"rss": True}, TypeError, "rss"),
        ({"growth": -5}, ValueError, "growth"),
        ({"growth": 1.5}, TypeError, "growth"),
        ({"keep": 0}, ValueError, "keep"),
        ({"keep": "all"}, TypeError, "keep"),
        ({"signal": 0}, ValueError, "signal"),
        ({"signal": 4000}, ValueError, "signal"),
        ({"signal": signal.SIGKILL}, ValueError, "signal"),
        ({"signal": signal.SIGSEGV}, ValueError, "signal"),
        ({"signal": signal.SIGPIPE}, ValueError, "SIGPIPE is ignored by Python"),
        ({"signal": "USR1"}, TypeError, "signal"),
        ({"folder": 3}, TypeError, "folder"),
    ],
)
def test_bad_arguments(tmp_path, wrong, error, word):
    before = sys.excepthook
    with pytest.raises(package.HeapsightError) as caught:
        package.dump_on(**{"folder": tmp_path / "out", "exception": True, "exit": True, **wrong})
    assert isinstance(caught.value, error)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sys.excepthook is before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert not (tmp_path / "out").exists()


def test_a_folder_is_a_path_of_any_kind(program, tmp_path):
    done = program(
        """
        from pathlib import Path
        for folder in (Path("a"), os.path.abspath("b"), b"c", "d/e", None):
            with heapsight.dump_on(folder) as dumps:
                dumps.take()
            os.unlink(dumps.files[0])
        print(os.getpid())
        """
    )
    assert done.returncode == 0, done.stderr
    made = {"a", "b", "c", "d", f"heapsight-{done.stdout.strip()}"}
    assert made == {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert names(tmp_path / "d") == ["e"]


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    before = sys.excepthook
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(package.HeapsightOSError, match=r"cannot use .*folder="):
            package.dump_on(folder, exception=True, signal=signal.SIGUSR1)
    assert sys.excepthook is before
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
