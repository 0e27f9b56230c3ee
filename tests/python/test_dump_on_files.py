# SPDX-License-Identifier: MIT
"""dump_on(): which files are kept, and what is said of those that could not be written."""

from snapshot_files import names, occasions

# ---- how many files -----------------------------------------------------------------------------


def test_the_first_and_the_newest_files_are_kept(program, tmp_path):
    done = program(
        """
        for keep in (1, 3, 4, None):
            with heapsight.dump_on(f"keep-{keep}", keep=keep) as dumps:
                for _ in range(4):
                    dumps.take()
            kept = sorted(os.listdir(f"keep-{keep}"))
            assert kept == [os.path.basename(file) for file in dumps.files]
            print(keep, *[int(name[:3]) for name in kept])
        """
    )
    assert done.stdout.splitlines() == [
        "1 4",
        "3 1 3 4",
        "4 1 2 3 4",
        "None 1 2 3 4",
    ], done.stderr


def test_files_that_are_not_ours_or_gone_do_not_matter(program, tmp_path):
    done = program(
        """
        with heapsight.dump_on("out") as dumps:
            dumps.take("old")
        with heapsight.dump_on("out", keep=1) as dumps:
            dumps.take("new")
            dumps.take("newer")
            os.unlink("out/003-newer.hsnap")
            dumps.take("newest")
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path / "out") == ["001-old.hsnap", "004-newest.hsnap"]


def test_a_timer_that_is_faster_than_the_snapshots_holds_nobody_up(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", every=0.001, keep=3)
        for _ in range(5):
            dumps.take()
        print("goes on")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
    assert len(names(tmp_path / "out")) == 3


# ---- failures -----------------------------------------------------------------------------------


def test_a_folder_that_goes_away_is_one_sentence(program, tmp_path):
    done = program(
        """
        with heapsight.dump_on("out") as dumps:
            dumps.take("first")
            os.rename("out", "moved")
            dumps.take("second")
            os.rename("moved", "out")
            dumps.take("third")
        """
    )
    assert done.returncode == 0, done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: could not write 002-second.hsnap: ")
    assert "No such file or directory" in said
    assert names(tmp_path / "out") == ["001-first.hsnap", "003-third.hsnap"]


def test_a_disk_that_is_full_is_one_sentence(program, tmp_path):
    done = program(
        """
        import resource
        dumps = heapsight.dump_on("out")
        dumps.take("before")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        dumps.take("full")
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        dumps.take("after")
        """
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[0].startswith("heapsight: could not write 002-full.hsnap: ")
    assert "File too large" in said[0]
    assert "wrote 2 snapshots" in said[1]
    assert names(tmp_path / "out") == ["001-before.hsnap", "003-after.hsnap"], "no half file"
    assert occasions(tmp_path / "out") == ["before", "after"]
