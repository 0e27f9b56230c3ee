# SPDX-License-Identifier: MIT
"""Hears of every new instance of a class, without changing what its constructor does.

A hook is an __init__ put into the class. It reports the instance before it calls the constructor
that was there, so that the most derived hooked class reports first. A class without an __init__ of
its own passes on to the next one in the method resolution order of the instance, which may lie in
a class that the hooked one has never heard of.
"""

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType, MethodWrapperType
from typing import Any

from heapsight._errors import HeapsightTypeError

__all__ = ["Hook", "Report"]

Report = Callable[[object], object]
"""Called with a new instance before its constructor; a true answer asks for `finished` later."""

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def _ignore(instance: object) -> None:
    """The report of a hook that was removed, but that somebody else's wrapper still calls."""


class Hook:
    """The __init__ placed in one class. `report` may be replaced at any time."""

    __slots__ = ("_before", "_init", "cls", "report")

    def __init__(self, cls: type, report: Report, finished: Report | None = None) -> None:
        self.cls = cls
        self.report = report
        self._before: Any = vars(cls).get("__init__")
        self._init = _constructor(self, finished)

    def install(self) -> None:
        """Put the hook in. Raises HeapsightTypeError for a class that cannot be changed."""
        try:
            type.__setattr__(self.cls, "__init__", self._init)
        except TypeError as problem:
            raise HeapsightTypeError(
                f"{self.cls.__name__} is built into the interpreter or an extension: its "
                "constructor cannot be followed; track_object() takes single instances"
            ) from problem

    def remove(self) -> None:
        """Leave the class as it was. Where another wrapper was put on top, only fall silent."""
        self.report = _ignore
        if vars(self.cls).get("__init__") is not self._init:
            return
        before = _loud(self._before)
        if before is None:
            type.__delattr__(self.cls, "__init__")
        else:
            type.__setattr__(self.cls, "__init__", before)


def _loud(init: Any) -> Any:
    """What lies under the hooks that were removed while another one was on top of them."""
    hook = getattr(init, "heapsight_hook", None)
    while isinstance(hook, Hook) and hook._init is init and hook.report is _ignore:
        init = hook._before
        hook = getattr(init, "heapsight_hook", None)
    return init


def _constructor(hook: Hook, finished: Report | None) -> Callable[..., None]:
    """The function that becomes the class's __init__; calls `finished` where it was asked to."""
    before = hook._before
    construct = _bound_late(before) if before else _next_constructor(hook.cls)

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        hook.report(self)
        return construct(self, *args, **kwargs)

    def __init__and_finish(self: Any, /, *args: Any, **kwargs: Any) -> None:
        is_new = hook.report(self)
        try:
            return construct(self, *args, **kwargs)
        finally:
            if is_new and finished:
                finished(self)

    inherited: Any = hook.cls
    made = __init__and_finish if finished else __init__
    update_wrapper(made, before or inherited.__init__)
    vars(made)["heapsight_hook"] = hook
    return made


def _bound_late(before: Any) -> Callable[..., None]:
    """An __init__ found in a class, as a function of the instance."""
    if isinstance(before, FunctionType):
        return before
    return lambda self, *args, **kwargs: before.__get__(self, type(self))(*args, **kwargs)


def _next_constructor(cls: type) -> Callable[..., None]:
    """What a class without an __init__ does: the next one that its instance inherits."""

    def construct(self: Any, /, *args: Any, **kwargs: Any) -> None:
        following = super(cls, self).__init__  # type: ignore[arg-type]  # self is the instance
        if type(following) is MethodWrapperType and following.__objclass__ is object:
            if args or kwargs:
                _object_init(self, args, kwargs)
        else:
            following(*args, **kwargs)

    return construct


def _object_init(instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """object.__init__ with arguments, as if no hook were there.

    It ignores them when the class has a __new__ and no __init__; a hook is an __init__.
    """
    cls = type(instance)
    if any(_has_constructor(base) for base in cls.__mro__[:-1]):
        object.__init__(instance, *args, **kwargs)  # raises
    elif cls.__new__ is object.__new__:
        raise TypeError(f"{cls.__name__}() takes no arguments")


def _has_constructor(cls: type) -> bool:
    """Whether a class has an __init__ of its own under the hooks on it."""
    found: Any = vars(cls).get("__init__")
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found is not None and found is not object.__init__
