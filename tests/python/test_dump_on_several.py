# SPDX-License-Identifier: MIT
"""dump_on(): several at a time, in one process or in several that share a folder."""

import signal

import heapsight as package
import pytest
from snapshot_files import names, occasions


def test_processes_that_share_a_folder_leave_the_files_of_the_others(program, tmp_path):
    done = program(
        """
        import multiprocessing

        def work(keep, barrier):
            dumps = heapsight.dump_on("out", keep=keep)
            barrier.wait()
            for occasion in ("a", "b", "c", "d"):
                dumps.take(occasion)
            sys.stdout.write(f"{os.getpid()} {' '.join(dumps.files)}\\n")

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            barrier = context.Barrier(4)
            workers = [
                context.Process(target=work, args=(keep, barrier)) for keep in (None, None, 2, 2)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        """
    )
    assert done.returncode == 0, done.stderr
    reported = [line.split() for line in done.stdout.splitlines()]
    files = [file for _, *files in reported for file in files]
    assert len(files) == 4 + 4 + 2 + 2
    assert sorted(files) == [f"out/{name}" for name in names(tmp_path / "out")]
    assert len({file.partition("-")[0] for file in files}) == 12, "each has a number of its own"
    for process, *files in reported:
        for file in files:
            with package.load(tmp_path / file) as heap:
                assert heap.info["process_id"] == int(process)


def test_a_number_that_is_claimed_is_left_to_who_claims_it(program, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".heapsight-claim-4.tmp").touch()
    program("heapsight.dump_on('out').take()")
    assert names(tmp_path / "out") == [".heapsight-claim-4.tmp", "005-code.hsnap"]


def test_stopping_one_leaves_the_other_to_the_signal(program, tmp_path):
    done = program(
        """
        first, second = (heapsight.dump_on(name, signal=signal.SIGUSR1) for name in ("a", "b"))
        os.kill(os.getpid(), signal.SIGUSR1)
        first.stop()
        os.kill(os.getpid(), signal.SIGUSR1)
        second.stop()
        print(len(first.files), len(second.files), flush=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGUSR1, "1 2\n"), done.stderr


@pytest.mark.parametrize("stop", [False, True])
def test_all_that_wait_for_the_exit_get_it_before_sigterm(program, tmp_path, stop):
    done = program(
        f"""
        first, second, third = (heapsight.dump_on(name, exit=True) for name in ("a", "b", "c"))
        if {stop}:
            first.stop()
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1000))
        print("never here")
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, ""), done.stderr
    assert occasions(tmp_path / "a") == ([] if stop else ["exit"])
    assert occasions(tmp_path / "b") == occasions(tmp_path / "c") == ["exit"]


def test_sigterm_in_one_snapshot_waits_for_it_and_for_the_others(program, tmp_path):
    """The finaliser runs inside the garbage collection of a snapshot of the first one."""
    done = program(
        """
        import gc
        gc.disable()
        first, second = (heapsight.dump_on(name, exit=True) for name in ("a", "b"))
        class Late:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(100_000): pass
        cycle = Late()
        cycle.me = cycle
        del cycle
        first.take()
        print("never here")
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, ""), done.stderr
    assert occasions(tmp_path / "a") == ["code", "exit"]
    assert occasions(tmp_path / "b") == ["exit"]
    assert done.stderr.count("heapsight: wrote") == 2
