# SPDX-License-Identifier: MIT
"""Files of reports: a name that stands for a whole file, never for half of one."""

import os
from os import PathLike

from heapsight._core import HeapsightOSError, HeapsightValueError

__all__ = ["write_whole"]


def write_whole(path: str | PathLike[str], data: bytes) -> str:
    """Write a file under another name in the same folder, then rename it; return the path.

    Whatever was there stays until the new file is complete. Raises HeapsightOSError when the file
    cannot be written, HeapsightValueError when there is something that is not a file.
    """
    name = os.fspath(path)
    target = os.path.realpath(name)  # a symbolic link goes on pointing where it did
    if os.path.exists(target) and not os.path.isfile(target):
        raise HeapsightValueError(f"cannot write {name}: it is not a file; give another name")
    temporary = os.path.join(os.path.dirname(target), f".heapsight-{os.urandom(8).hex()}.tmp")
    try:
        _write_and_rename(temporary, target, data)
    except OSError as problem:
        raise _cannot_write(name, problem) from problem
    return name


def _write_and_rename(temporary: str, target: str, data: bytes) -> None:
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _cannot_write(name: str, problem: OSError) -> HeapsightOSError:
    error = HeapsightOSError(
        f"cannot write {name}: {problem.strerror}; nothing was replaced, give another place"
    )
    error.errno = problem.errno
    return error
