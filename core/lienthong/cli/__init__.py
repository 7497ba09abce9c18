"""The command ``lienthong``. Commands import what they need when they run, not before."""

from lienthong.cli.main import main

__all__ = ["main"]
