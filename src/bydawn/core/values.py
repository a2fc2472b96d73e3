"""Values: what is read and never changed once it is made. Nearly all we speak in are some."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that nobody changes. The type checker sees to that; at run time
    nothing stands guard, because a frozen one takes three times as long to make. How it compares,
    hashes and shows itself is shared: compiled for each class, that was a third of every start."""
    for name, shared in _SHARED.items():
        if name not in vars(cls):
            setattr(cls, name, shared)
    cls.__doc__ = cls.__doc__ or cls.__name__  # or it is made from the signature, slowly
    return dataclasses.dataclass(slots=True, eq=False, repr=False)(cls)


def _equal(one: Any, other: Any) -> bool:
    if one.__class__ is not other.__class__:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in _compared(one.__class__))


def _hash(one: Any) -> int:
    return hash(tuple(getattr(one, name) for name in _compared(one.__class__)))


def _repr(one: Any) -> str:
    shown = (f"{name}={getattr(one, name)!r}" for name in _told(one.__class__))
    return f"{one.__class__.__qualname__}({', '.join(shown)})"


@cache
def _compared(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls) if field.compare)


@cache
def _told(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls) if field.repr)


_SHARED = {"__eq__": _equal, "__hash__": _hash, "__repr__": _repr}
