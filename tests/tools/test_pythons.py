# SPDX-License-Identifier: MIT
"""tools/pythons: what it takes for an interpreter, how it enters a root, where it fetches from.

Interpreters, apt, mounts and chroots are real. Only `fetch` itself is not run here: it downloads
hundreds of megabytes. The tests of `enter` make a root of their own out of this machine's /usr.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "pythons"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def load() -> ModuleType:
    loader = SourceFileLoader("heapsight_tools_pythons", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


pythons = load()


def can_mount() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return not subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs root and mount namespaces")
needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")


def call(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={**os.environ, **env}, capture_output=True, text=True, timeout=120,
    )


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine whose pyenv has this interpreter and whose PATH has none."""
    folder = tmp_path / "pyenv" / "versions" / "9.9.9" / "bin"
    folder.mkdir(parents=True)
    (folder / f"python{HERE}").symlink_to(getattr(sys, "_base_executable", sys.executable))
    (tmp_path / "bin").mkdir()
    return {"PYENV_ROOT": str(tmp_path / "pyenv"), "PATH": str(tmp_path / "bin"),
            "XDG_CACHE_HOME": str(tmp_path / "cache")}


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def row(minor: str, env: dict[str, str]) -> dict[str, str]:
    done = call("list", "--json", **env)
    assert done.returncode == 0, done.stderr
    rows = {one["minor"]: one for one in json.loads(done.stdout)}
    assert tuple(rows) == pythons.MINORS
    return rows[minor]


# --- finding -------------------------------------------------------------------------------------


def real_facts() -> dict[str, object]:
    return pythons.run_probe([sys.executable])


def test_probe_tells_about_this_interpreter() -> None:
    facts = real_facts()
    assert facts["minor"] == HERE
    assert facts["version"] == sys.version.split()[0]
    assert facts["implementation"] == "CPython"


@pytest.mark.parametrize(("change", "words"), [
    ({"implementation": "PyPy"}, "is PyPy, not CPython"),
    ({"minor": "3.9", "version": "3.9.1"}, "is Python 3.9.1"),
    ({"free_threaded": True}, "free-threaded build, not supported"),
    ({"headers": False}, f"apt-get install python{HERE}-dev"),
    ({"ensurepip": False}, f"apt-get install python{HERE}-venv"),
])
def test_each_defect_is_named(change: dict[str, object], words: str) -> None:
    sound = real_facts() | {"free_threaded": False, "headers": True, "ensurepip": True}
    assert pythons.objection(sound, HERE) is None
    assert words in pythons.objection(sound | change, HERE)


def test_pyenv_interpreter_is_found_and_runs(machine: dict[str, str]) -> None:
    found = row(HERE, machine)
    assert (found["status"], found["how"], found["root"]) == ("found", "direct", None)
    assert Path(found["include"], "Python.h").is_file()
    done = call("run", HERE, "--", "-c", "import sys; print(sys.version_info[:2], sys.argv[1:])",
                "--", "a b", **machine)
    assert done.stdout == f"{sys.version_info[:2]} ['--', 'a b']\n"


def test_missing_version_says_what_to_do(machine: dict[str, str]) -> None:
    other = "3.15" if HERE != "3.15" else "3.14"
    gone = row(other, machine)
    assert gone["status"] == "missing"
    assert f"python{other}-dev" in gone["why"]
    assert "tools/pythons fetch" in gone["why"]
    done = call("run", other, "--", "-V", **machine)
    assert done.returncode == 2
    assert done.stderr.startswith(f"tools/pythons: no Python {other}: ")
    assert done.stderr.count("\n") == 1


def test_shim_that_fails_does_not_hide_a_good_one(machine: dict[str, str]) -> None:
    shutil.rmtree(machine["PYENV_ROOT"])
    shim, good = Path(machine["PATH"], f"python{HERE}"), Path(machine["PATH"] + "2")
    write_program(shim, "echo 'pyenv: command not found' >&2; echo more >&2; exit 127")
    gone = row(HERE, machine)
    assert f"{shim}: does not run (pyenv: command not found)" in gone["why"]
    good.mkdir()
    (good / shim.name).symlink_to(getattr(sys, "_base_executable", sys.executable))
    assert row(HERE, machine | {"PATH": f"{machine['PATH']}:{good}"})["status"] == "found"


def test_candidate_that_hangs_is_given_up(machine: dict[str, str], tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "slow", "exec sleep 60")
    monkeypatch.setattr(pythons, "PROBE_SECONDS", 0.2)
    with pytest.raises(pythons.Problem, match="did not answer within"):
        pythons.run_probe([str(tmp_path / "slow")])


def test_pyenv_prefers_the_newest_release() -> None:
    names = ["3.15.0a1", "3.15.0", "3.15.10", "3.15.9", "3.15t-dev", "venv"]
    ordered = sorted(map(Path, names), key=pythons.pyenv_key, reverse=True)
    assert [path.name for path in ordered[:3]] == ["3.15.10", "3.15.9", "3.15.0"]


def test_candidates_are_pyenvs_newest_first_then_path(machine: dict[str, str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    versions = Path(machine["PYENV_ROOT"], "versions")
    for name in ("3.11.2", "3.11.10"):
        write_program(versions / name / "bin/python3.11", "exit 1")
    write_program(Path(machine["PATH"], "python3.11"), "exit 1")
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    found = [str(path) for path in pythons.candidates("3.11") if "9.9.9" not in str(path)]
    assert found == [f"{versions}/3.11.10/bin/python3.11", f"{versions}/3.11.2/bin/python3.11",
                     f"{machine['PATH']}/python3.11"]


def test_short_list_is_for_loops(machine: dict[str, str]) -> None:
    done = call("list", "--short", **machine)
    assert done.stdout.split() == [HERE]
    assert done.stderr.count("missing: ") == len(pythons.MINORS) - 1


def test_exec_runs_the_command_with_the_interpreter_named(machine: dict[str, str]) -> None:
    done = call("exec", HERE, "--", "/bin/sh", "-c", '"$PYTHON" -V; exit 7', **machine)
    assert done.stdout.startswith(f"Python {HERE}")
    assert done.returncode == 7


@pytest.mark.parametrize("arguments", [
    ("exec", HERE), ("exec", HERE, "--", "/no/such/program"), ("run", "3.10", "--", "-V"),
    ("run", HERE, "-c", "1"), ("list", "--", "x"), (),
])
def test_wrong_use_is_refused(arguments: tuple[str, ...], machine: dict[str, str]) -> None:
    done = call(*arguments, **machine)
    assert done.returncode == 2
    assert done.stderr and "Traceback" not in done.stderr


def test_an_unknown_option_is_named_before_a_missing_command(machine: dict[str, str]) -> None:
    done = call("--nonsense", **machine)
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


@pytest.mark.parametrize("command", [(), ("list",), ("fetch",), ("run",), ("exec",)])
def test_help(command: tuple[str, ...]) -> None:
    done = call(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: tools/pythons")


# --- entering a root -----------------------------------------------------------------------------


def test_links_are_resolved_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    (tmp_path / "up").symlink_to("../../../../../var")
    (tmp_path / "loop").symlink_to("loop")
    assert pythons.in_root(tmp_path, "/var/run/x") == tmp_path / "run/x"
    assert pythons.in_root(tmp_path, "/up/run/./y") == tmp_path / "run/y"
    assert pythons.in_root(tmp_path, "/../../etc") == tmp_path / "etc"
    with pytest.raises(pythons.Problem, match="too many levels of links"):
        pythons.in_root(tmp_path, "/loop")


def test_arrange_mounts_outer_folders_first_and_once(tmp_path: Path) -> None:
    src = tmp_path / "src"
    (src / "deep").mkdir(parents=True)
    (src / "file").touch()
    outer, inner = str(src), str(src / "deep")
    binds = [pythons.Bind(inner, inner), pythons.Bind(str(src / "file"), "/x/file", "bind,ro"),
             pythons.Bind(outer, outer), pythons.Bind("/usr", inner)]
    root = tmp_path / "root"
    chosen = [(b.src, b.dst) for b in pythons.arrange(root, binds)]
    assert (inner, inner) not in chosen
    assert chosen.index((outer, outer)) < chosen.index(("/usr", inner))
    assert (root / outer[1:]).is_dir()
    assert (root / "x/file").is_file()


@pytest.mark.parametrize("text", ["/no/such/folder", "/tmp:/usr", "/tmp:relative", "/tmp:/x/.."])
def test_bad_bind_is_refused(text: str) -> None:
    with pytest.raises(pythons.Problem, match="--bind"):
        pythons.parse_bind(text)


def test_bind_is_normalised() -> None:
    assert pythons.parse_bind("/tmp:/x/../srv/y/").dst == "/srv/y"
    assert pythons.parse_bind("/tmp").dst == "/tmp"


def borrowed_system() -> list[object]:
    """Binds that make a root out of this machine's own system folders."""
    names = ["/usr", "/bin", "/lib", "/lib64"]
    return [pythons.Bind(os.path.realpath(name), name) for name in names if os.path.exists(name)]


@needs_mounts
def test_enter_shows_the_binds_and_leaves_nothing_mounted(tmp_path: Path) -> None:
    work, root = tmp_path / "work", tmp_path / "root"
    work.mkdir()
    (work / "hello").write_text("from outside")
    readonly = pythons.Bind(str(work), "/readonly", "bind,ro")
    binds = [*borrowed_system(), pythons.Bind(str(work), str(work)), readonly]
    script = "pwd; cat hello; ls /; touch /readonly/x 2>/dev/null || echo refused; exit 5"
    line = pythons.enter(root, binds, str(work), ["/bin/sh", "-c", script])
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 5, done.stderr
    assert done.stdout.startswith(f"{work}\nfrom outside")
    assert "refused" in done.stdout and "root" not in done.stdout.split("from outside")[1].split()
    assert str(root) not in Path("/proc/self/mounts").read_text()
    assert list((root / "usr").iterdir()) == []


@needs_mounts
def test_enter_passes_signals_on(tmp_path: Path) -> None:
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    line = pythons.enter(tmp_path / "root", borrowed_system(), "/", ["/bin/sh", "-c", script])
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 9


def test_environment_of_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_VERSION", "1")
    monkeypatch.setenv("VIRTUAL_ENV", "/v")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    env = pythons.root_environment()
    assert "PYENV_VERSION" not in env and "VIRTUAL_ENV" not in env
    assert env["PIP_NO_INDEX"] == "1"
    assert env["PATH"] == pythons.ROOT_PATH


def test_pip_settings_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels, cert, conf = tmp_path / "wheels", tmp_path / "ca.pem", tmp_path / "pip" / "pip.conf"
    wheels.mkdir()
    conf.parent.mkdir()
    cert.touch()
    conf.write_text(f"[global]\ncert = {cert}\n[install]\n"
                    f"find-links =\n  file://{wheels}\n  /gone\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    paths = {bind.src for bind in pythons.pip_binds() if bind.options == "bind,ro"}
    assert {str(wheels), str(cert), str(conf)} <= paths
    assert "/gone" not in paths
    conf.write_text("not a configuration")
    with pytest.raises(pythons.Problem, match="pip.conf: not a pip configuration"):
        pythons.pip_binds()


def test_working_folder_never_hides_the_system(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    assert pythons.cwd_binds(tmp_path, "/usr") == []
    assert pythons.cwd_binds(tmp_path, "/srv/x") == [pythons.Bind("/srv/x", "/srv/x")]
    with pytest.raises(pythons.Problem, match="start from another folder"):
        pythons.cwd_binds(tmp_path, "/usr/nowhere")


@needs_mounts
@pytest.mark.parametrize("minor", pythons.SUITE_HAS)
def test_fetched_root(minor: str, tmp_path: Path) -> None:
    root = pythons.default_root()
    if not (root / "usr/bin" / f"python{minor}").exists():
        pytest.skip(f"{root} has no Python {minor}")
    found = pythons.examine_in_root(minor, root)
    assert found.how == "root" and found.version.startswith(minor)
    code = "import os, sys; print(sys.version_info[:2], os.getcwd(), os.path.exists('/proc/self'))"
    binds = pythons.work_binds(root, str(tmp_path), [])
    line = pythons.enter(root, binds, str(tmp_path), [found.executable, "-c", code])
    done = subprocess.run(line, env=pythons.root_environment(), capture_output=True, text=True,
                          timeout=60)
    assert done.stdout == f"({minor.replace('.', ', ')}) {tmp_path} True\n", done.stderr


# --- fetching ------------------------------------------------------------------------------------


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no apt sources but those the test writes. Returns its apt.conf."""
    etc, lists = tmp_path / "etc", tmp_path / "lists"
    for name in ("apt.conf.d", "sources.list.d", "preferences.d", "trusted.gpg.d"):
        (etc / name).mkdir(parents=True)
    (lists / "partial").mkdir(parents=True)
    conf = tmp_path / "apt.conf"
    conf.write_text(f'Dir::Etc "{etc}";\nDir::State::Lists "{lists}";\n')
    monkeypatch.setenv("APT_CONFIG", str(conf))
    return conf


@needs_apt
def test_mirrors_are_apts_own_in_both_formats(apt: Path) -> None:
    etc = apt.parent / "etc"
    (etc / "sources.list").write_text("deb [arch=amd64] http://127.0.0.1:9/one x main\n"
                                      "#deb http://127.0.0.1:9/off x main\n")
    (etc / "sources.list.d/b.sources").write_text(
        "Types: deb\nURIs: http://127.0.0.1:9/two/\nSuites: x x-updates\nComponents: main\n")
    assert sorted(pythons.apt_mirrors()) == ["http://127.0.0.1:9/one", "http://127.0.0.1:9/two"]
    with pytest.raises(pythons.Problem, match="no archive .* serves Debian forky: .* --mirror"):
        pythons.choose_mirror("forky")


@needs_apt
def test_mirror_without_the_suite_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "dists/forky").mkdir(parents=True)
    release = tmp_path / "dists/forky/InRelease"
    release.write_text("<html>\nnot an archive\n")
    tmp_path.chmod(0o755)
    assert not pythons.serves(f"file:{tmp_path}", "forky")
    release.write_text("Origin: Debian\nCodename: forky\n")
    assert pythons.serves(f"file:{tmp_path}", "forky")
    assert not pythons.serves(f"file:{tmp_path}", "duke")


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that users other than this one may enter, as tmp_path is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@needs_apt
def test_apt_settings_are_kept_without_host_programs(apt: Path, public: Path) -> None:
    mirror = "http://127.0.0.1:9/debian"
    assert pythons.apt_proxy(mirror) is None
    with apt.open("a") as file:
        file.write('Acquire::http::Proxy "http://127.0.0.1:3128/";\nAcquire::Retries "4";\n'
                   'APT::Install-Recommends "false";\n')
    assert pythons.apt_proxy(mirror) == "http://127.0.0.1:3128/"
    detector = public / "detect"
    write_program(detector, "echo http://127.0.0.1:8080/")
    with apt.open("a") as file:
        file.write(f'Acquire::http::Proxy-Auto-Detect "{detector}";\n')
    text = pythons.apt_settings(mirror)
    assert 'Acquire::Retries "4";' in text
    assert text.splitlines()[-1] == 'Acquire::http::Proxy "http://127.0.0.1:8080/";'
    assert "detect" not in text.lower() and "Recommends" not in text


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"),
                    reason="needs root, to give it up")
def test_fetch_without_root_is_one_sentence(public: Path) -> None:
    copy = public / "pythons"
    shutil.copy(SCRIPT, copy)
    python = shutil.which("python3", path="/usr/bin:/bin")
    if python is None:
        pytest.skip("no interpreter that an unprivileged user may run")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, str(copy),
         "fetch", "--dir", str(public / "forky")], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == ("tools/pythons: fetch needs root, because debootstrap makes a system"
                           " owned by root: run it with sudo\n")


@needs_mounts
@pytest.mark.skipif(not shutil.which("debootstrap"), reason="needs debootstrap")
def test_failed_fetch_leaves_nothing_that_counts(tmp_path: Path) -> None:
    root = tmp_path / "forky"
    done = call("fetch", "--dir", str(root), "--mirror", "http://127.0.0.1:9/debian")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("tools/pythons: debootstrap failed")
    assert not root.exists()


@needs_mounts
@pytest.mark.skipif(not shutil.which("debootstrap"), reason="needs debootstrap")
def test_two_fetches_do_not_meet(tmp_path: Path) -> None:
    root = tmp_path / "forky"
    with open(f"{root}.lock", "w") as lock:
        pythons.fcntl.flock(lock, pythons.fcntl.LOCK_EX)
        done = call("fetch", "--dir", str(root))
    assert done.returncode == 2
    assert "another fetch is at work" in done.stderr
    assert not Path(f"{root}.partial").exists()
