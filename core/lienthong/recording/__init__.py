"""Real traffic as a file that may be shown: secrets left out, personal values replaced."""

from lienthong.recording.masks import Masks
from lienthong.recording.recorder import Recorder
from lienthong.recording.wanted import masks_for

__all__ = ["Masks", "Recorder", "masks_for"]
