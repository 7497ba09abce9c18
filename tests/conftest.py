"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and no deadline, which a busy machine misses. Others are looked for by
# ``pytest --hypothesis-profile=search``; what is found becomes an @example.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("steady")
