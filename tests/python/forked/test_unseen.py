# SPDX-License-Identifier: MIT
"""The program does not meet the child: no wait, no signal, no handler, no descriptor, no lock."""

from collections.abc import Callable
from pathlib import Path

import pytest
from forked_program import built

Passes = Callable[..., str]


def test_no_wait_of_the_program_sees_it(passes: Passes) -> None:
    passes("""
        kept = heap(200_000)
        pending = heapsight.snapshot("x", fork=True)
        assert not pending.done()
        for look in (lambda: os.waitpid(-1, os.WNOHANG), lambda: os.waitpid(0, os.WNOHANG),
                     os.wait, lambda: os.wait3(0),
                     lambda: os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)):
            try:
                look()
                raise AssertionError("a child was seen")
            except ChildProcessError:
                pass
        pending.result()
        assert children() == []
        """)


def test_children_of_the_program_are_waited_for_as_ever(passes: Passes) -> None:
    passes("""
        import asyncio, multiprocessing, subprocess

        async def main():
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "exit(3)")
            return await process.wait()

        def work():
            sys.exit(5)

        if __name__ == "__main__":
            kept = heap(100_000)
            running = [heapsight.snapshot("x", fork=True) for _ in range(2)]
            own = os.fork()
            if own == 0:
                os._exit(7)
            assert os.wait()[0] == own
            assert asyncio.run(main()) == 3
            process = multiprocessing.get_context("fork").Process(target=work)
            process.start()
            process.join()
            assert process.exitcode == 5 and multiprocessing.active_children() == []
            assert subprocess.run([sys.executable, "-c", "exit(4)"]).returncode == 4
            for pending in running:
                assert pending.result().object_count > 200_000
        """)


def test_no_signal_and_no_handler_of_fork(passes: Passes) -> None:
    passes("""
        called = []
        os.register_at_fork(before=lambda: called.append("before"),
                            after_in_parent=lambda: called.append("parent"),
                            after_in_child=lambda: open("seen", "w"))
        signal.signal(signal.SIGCHLD, lambda *_: called.append("SIGCHLD"))
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: open("seen", "w"))
        signal.signal(signal.SIGALRM, lambda *_: called.append("SIGALRM"))
        kept = heap(100_000)
        pending = heapsight.snapshot("x", fork=True)
        (child,) = children()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
            os.kill(int(child), number)
        assert pending.result().object_count > 100_000
        assert called == [] and not os.path.exists("seen"), called
        """)


@pytest.mark.parametrize("disposition", ["SIG_IGN", "SIG_DFL"])
def test_whatever_becomes_of_sigchld(passes: Passes, disposition: str) -> None:
    passes(f"""
        signal.signal(signal.SIGCHLD, signal.{disposition})
        for _ in range(3):
            assert heapsight.snapshot("x", fork=True).result().object_count > 1000
        """)


def test_a_finaliser_does_not_run_in_the_child(passes: Passes) -> None:
    passes("""
        import atexit, weakref
        here = os.getpid()

        class Loud:
            def __del__(self):
                if os.getpid() != here:
                    open("seen", "w")

        loud = Loud()
        atexit.register(lambda: os.getpid() != here and open("seen", "w"))
        weakref.finalize(loud, lambda: os.getpid() != here and open("seen", "w"))
        for _ in range(100):
            loud.cycle = Loud()
            loud.cycle.back = loud.cycle
        heapsight.snapshot("x", fork=True).result()
        assert not os.path.exists("seen")
        """)


def test_the_end_of_a_pipe_is_not_held_up(passes: Passes) -> None:
    """A reader that waits for the end of a pipe or socket gets it while the child is at work."""
    passes("""
        import select, socket
        kept = heap(300_000)
        reader, writer = os.pipe()
        here, there = socket.socketpair()
        pending = heapsight.snapshot("x", fork=True)
        (child,) = children()
        while open(f"/proc/{child}/comm").read() != "heapsight\\n":  # as it calls itself at work
            time.sleep(0.0005)
        os.kill(int(child), signal.SIGSTOP)
        os.close(writer)
        there.close()
        for end in (reader, here):
            assert select.select([end], [], [], 20)[0], "the child holds the other end"
        assert os.read(reader, 1) == b"" and here.recv(1) == b""
        pending.cancel()
        """)


WITHOUT_CLOSE_RANGE = """
        import ctypes, struct
        # load the call's number; 436: answer ENOSYS; else: allow
        steps = b"".join(struct.pack("HBBI", *step) for step in (
            (0x20, 0, 0, 0), (0x15, 0, 1, 436), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7FFF0000)))
        class Program(ctypes.Structure):
            _fields_ = [("count", ctypes.c_ushort), ("steps", ctypes.c_char_p)]
        filtering = Program(4, steps)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.byref(filtering), 0, 0) == 0
        assert libc.syscall(436, 4000, 4001, 0) == -1 and ctypes.get_errno() == 38
        """


@pytest.mark.parametrize("before", ["", WITHOUT_CLOSE_RANGE], ids=["close_range", "without"])
def test_no_descriptor_of_the_program_is_held(passes: Passes, before: str) -> None:
    """Above the limit too, which may have been lowered since they were opened."""
    passes(before + """
        import resource
        kept = heap(300_000)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        held = [os.dup2(2, number) for number in (*range(100, 400), 4000)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, hard))
        pending = heapsight.snapshot("x", fork=True, path="x.hsnap")
        (child,) = children()
        while open(f"/proc/{child}/comm").read() != "heapsight\\n":
            time.sleep(0.0005)
        os.kill(int(child), signal.SIGSTOP)
        open_there = {int(name) for name in os.listdir(f"/proc/{child}/fd")}
        assert 0 < len(open_there) <= 4, open_there  # report, folder, file, what it reads
        assert not open_there & set(held), open_there
        os.kill(int(child), signal.SIGCONT)
        assert pending.result().object_count > 300_000
        """)


def test_no_core_dump_is_made_of_it(passes: Passes) -> None:
    """1 byte: with 0, the system still hands a dump to a program that collects them."""
    passes("""
        import resource
        kept = heap(300_000)
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        for soft in (0, limits[1]):
            resource.setrlimit(resource.RLIMIT_CORE, (soft, limits[1]))
            pending = heapsight.snapshot("x", fork=True)
            (child,) = children()
            said, deadline = None, time.monotonic() + 10
            while said != "1" and limits[1] != 0 and time.monotonic() < deadline:
                (line,) = [line for line in open(f"/proc/{child}/limits") if "core file" in line]
                said = line.split()[4]
            assert limits[1] == 0 or said == "1", line
            pending.cancel()
        """)


def test_a_wait_for_whatever_child_may_be_first(passes: Passes) -> None:
    passes("""
        pending = heapsight.snapshot("x", fork=True)
        (child,) = children()
        assert os.waitpid(-1, 0x40000000) == (int(child), 0)  # __WALL
        assert pending.result().object_count > 1000
        cancelled = heapsight.snapshot("x", fork=True)
        os.waitpid(-1, 0x40000000)
        cancelled.cancel()
        assert left_over() == [] and "was cancelled" in str(refusal(cancelled))
        """)


def test_eight_threads_that_allocate_do_not_hang_it(passes: Passes) -> None:
    """malloc's locks are taken most of the time, with and without the GIL."""
    passes("""
        import ctypes, hashlib
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
        stop = threading.Event()

        def with_the_gil():
            while not stop.is_set():
                [bytes(size) for size in (600, 5000, 70_000, 700, 9000)]

        def without_it():
            while not stop.is_set():
                blocks = [libc.malloc(size) for size in (1500, 3000, 90_000, 1100)]
                for block in blocks:
                    libc.free(block)

        threads = [threading.Thread(target=work) for work in [with_the_gil, without_it] * 4]
        for thread in threads:
            thread.start()
        sys.setswitchinterval(0.0005)
        for number in range(200):
            with heapsight.snapshot("x", fork=True, time_limit=30) as pending:
                assert pending.result(40).object_count > 1000
        stop.set()
        for thread in threads:
            thread.join()
        assert children() == [] and left_over() == []
        """)


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_threads_inside_the_tracer_do_not_hang_it(
    passes: Passes, tmp_path: Path, mode: str
) -> None:
    library = built("raw_threads.c", tmp_path.parent)
    passes(f"""
        import ctypes
        threads = ctypes.CDLL({str(library)!r})
        with heapsight.Tracer({mode!r}, sample_bytes=1000):
            assert threads.start() == 0
            for _ in range(20):
                with heapsight.snapshot("x", fork=True, time_limit=30) as pending:
                    assert pending.result(60).object_count > 1000
            assert threads.stop() == 0
        """)


@pytest.mark.parametrize("work", ["start_giving_back", "start_asking"])
def test_threads_inside_the_interpreter_do_not_hang_it(
    passes: Passes, tmp_path: Path, work: str
) -> None:
    """Locks of the runtime that are held without the GIL: that of tracemalloc's tables, which a
    birth in the child asks for before 3.13, and that of the allocators since 3.12."""
    library = built("raw_threads.c", tmp_path.parent)
    passes(f"""
        import array, collections, ctypes, io, tracemalloc
        threads = ctypes.CDLL({str(library)!r})
        kept = [[collections.deque(range(100)), array.array("d", range(100)),
                 io.BytesIO(b"x" * 9000)] for _ in range(1000)]
        tracemalloc.start()
        assert threads.{work}() == 0
        for _ in range(60):
            with heapsight.snapshot("x", fork=True, time_limit=5) as pending:
                assert pending.result(60).object_count > 1000
        assert threads.stop() == 0
        """)


@pytest.fixture(scope="session")
def no_malloc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that ends a child which calls malloc."""
    return built("no_malloc.c", tmp_path_factory.mktemp("no_malloc"))


def test_the_trap_works(passes: Passes, no_malloc: Path) -> None:
    passes("""
        import ctypes
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).malloc(ctypes.c_size_t(100))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 99
        """, LD_PRELOAD=str(no_malloc))


@pytest.mark.parametrize("mode", ["none", "exact", "sampled", "counts"])
@pytest.mark.parametrize("allocator", ["pymalloc", "malloc", "debug"])
def test_the_child_does_not_call_malloc(
    passes: Passes, no_malloc: Path, mode: str, allocator: str
) -> None:
    """What other threads may have locked is not touched: the stress above meets it by chance only.
    The heap has what the walk asks a __sizeof__ of, and what it makes tables for."""
    passes(f"""
        import array, asyncio, collections, io, struct, tracemalloc, zlib, pickle, ctypes
        try:
            import numpy
            kept = [numpy.zeros(1000), numpy.array([object(), []], dtype=object)]
        except ImportError:
            kept = []
        kept += [heap(50_000), collections.deque(range(1000)), array.array("d", range(1000)),
                 io.BytesIO(b"x" * 9000), io.StringIO("x" * 9000), open(os.devnull, "rb"),
                 struct.Struct("10d"), zlib.compressobj(), pickle.Pickler(io.BytesIO()),
                 (ctypes.c_int * 1000)(), [type(f"T{{n}}", (), {{}}) for n in range(3000)],
                 [lambda: kept for _ in range(3000)]]
        tracer = None
        if {mode!r} != "none":
            tracer = heapsight.Tracer({mode!r}, sample_bytes=100)
            tracer.start()
            more = [[exec(f"kept.append([bytes({{n}})])") for n in range(300)], heap(1000)]
        tracemalloc.start()
        def takes():
            return heapsight.snapshot("x", fork=True, path="x.hsnap", values=True).result()
        with takes() as snapshot:
            assert snapshot.object_count > 100_000
            assert snapshot.info["overcounted_count"] == 0
        small = heapsight.snapshot("x", fork=True, memory_limit=1 << 20)
        assert isinstance(refusal(small), MemoryError)
        nowhere = heapsight.snapshot("x", fork=True, path="no/where.hsnap")
        assert isinstance(refusal(nowhere), OSError)
        """, LD_PRELOAD=str(no_malloc), PYTHONMALLOC=allocator)
