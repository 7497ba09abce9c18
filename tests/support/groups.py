"""Which tests one worker gets together: those that share a server that is dear to start.

xdist's own ``xdist_group`` writes the group into a test's id, which pytest 9.2 does not let it: then every
worker starts every server. So the groups stand here, by file.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler.loadscope import LoadScopeScheduling

GROUPS: Final = {
    "tests/airflow/test_resent.py": "airflow",
    "tests/airflow/test_server.py": "airflow",
    "tests/airflow/test_stale_runs.py": "airflow",
    "tests/connectors/openapi/test_from_openapi.py": "from_openapi",
    "tests/connectors/openapi/test_sample.py": "sample",
    "tests/connectors/soap/test_from_wsdl.py": "from_wsdl",
}
"""The name of a group by the file whose tests are in it."""


class ByServer(LoadScopeScheduling):
    """Hands out single tests, and a group as one."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUPS.get(nodeid.split("::", 1)[0], nodeid)
