"""File systems of staging stores that are not local folders."""

from __future__ import annotations

from typing import Any

from lienthong.errors import Misconfigured
from lienthong.faults import shown, without_addresses
from lienthong.staging.guarded import fault_of


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL (``s3://bucket/prefix``) and the path in it.

    Raises `Misconfigured` where the scheme is unknown or its package is not installed.
    """
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise Misconfigured(
            f"the staging store cannot be opened: {without_addresses(str(error))}",
            where=shown(url),
            hint="install the fsspec file system for this scheme",
        ) from None
    except Exception as error:  # a file system that connects as it is made: its text may quote a key
        raise fault_of(error, shown(url)) from None
    return system, str(root)
