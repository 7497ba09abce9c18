"""A staging store's file system whose faults are ours: no room, no right, no such folder, no answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from lienthong.errors import LienThongError, Misconfigured, Unavailable
from lienthong.faults import os_fault, shown

_T = TypeVar("_T")
_READERS: Final = frozenset({"read", "open"})
_WHAT: Final = "the staging store cannot be used"
_HINT: Final = "check LIENTHONG_STAGING and the rights there"
_RIGHTS: Final = frozenset({"AccessDenied", "NoCredentialsError", "ClientAuthenticationError", "Forbidden"})


def guarded(files: _T, url: str) -> _T:
    """Return a file system all of whose methods raise our errors, with the store's place.

    `FileNotFoundError` passes where something is read: it says that what is asked for is not there.
    """
    return cast("_T", _Guarded(files, shown(url)))


class _Guarded:
    def __init__(self, files: Any, place: str) -> None:
        self._files, self._place = files, place

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._files, name)
        if not callable(found):
            return found
        method = self._translating(name, found)
        self.__dict__[name] = method
        return method

    def _translating(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except LienThongError:
                raise
            except FileNotFoundError as error:
                if name in _READERS:
                    raise
                raise os_fault(error, _WHAT, self._place, hint=_HINT) from None
            except Exception as error:
                raise fault_of(error, self._place) from None

        return call


def fault_of(error: Exception, place: str) -> LienThongError:
    """Return our error for what a file system, local or remote, raised; its text is not repeated.

    An object store's own exceptions follow no common tree and may quote addresses and keys: those that
    refuse us are `Misconfigured`, all others are worth another try.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return os_fault(error, _WHAT, place)
    name = type(error).__name__
    if isinstance(error, PermissionError) or name in _RIGHTS:
        return Misconfigured(f"{_WHAT}: it refuses this account ({name})", where=place, hint=_HINT)
    if isinstance(error, (TypeError, ValueError, ImportError, NotImplementedError)):
        return Misconfigured(f"{_WHAT} ({name})", where=place, hint=_HINT)
    return Unavailable(f"{_WHAT} ({name})", where=place, hint="the same again goes on where this stopped")
