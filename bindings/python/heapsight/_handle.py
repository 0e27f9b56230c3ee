# SPDX-License-Identifier: MIT
"""What the classes that own a handle of the extension have in common."""

from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

from heapsight._core import HeapsightValueError

__all__ = ["Handle"]

Held = TypeVar("Held")


class Handle(Generic[Held]):
    """Owns one object of the extension until close() or the end of a with block."""

    __slots__ = ("__weakref__", "_held")

    _kind: ClassVar[str]

    def __init__(self, held: Held) -> None:
        self._held: Held | None = held

    @property
    def _open(self) -> Held:
        if self._held is None:
            raise HeapsightValueError(f"this {self._kind} is closed; make or load a new one")
        return self._held

    def close(self) -> None:
        """Give the memory back now. Every later question raises HeapsightValueError."""
        self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._held is None:
            return f"<closed heapsight.{type(self).__name__}>"
        return f"<heapsight.{type(self).__name__} {self._summary()}>"

    def _summary(self) -> str:
        raise NotImplementedError
