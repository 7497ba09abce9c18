"""File systems of staging stores that are not local folders."""

from __future__ import annotations

from typing import Any

from lienthong.errors import Misconfigured


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL (``s3://bucket/prefix``) and the path in it.

    Raises `Misconfigured` where the scheme is unknown or its package is not installed.
    """
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise Misconfigured(
            f"the staging store cannot be opened: {error}",
            where=url.rsplit("@", maxsplit=1)[-1],
            hint="install the fsspec file system for this scheme",
        ) from None
    return system, str(root)
