"""How long a connector under test waits for its counterpart.

Where the counterpart is silent on purpose, waiting is what the test takes: a second is enough. Everywhere
else an answer is on its way, and a busy machine may need its time for it.
"""

from __future__ import annotations

import pytest

#: parts of the names of tests whose counterpart never answers, or never ends
_SILENT = ("unresponsive", "slow-drip")


def seconds_for(request: pytest.FixtureRequest) -> float:
    """Return the seconds to wait in the test that asks."""
    return 1.0 if any(word in request.node.name for word in _SILENT) else 30.0
