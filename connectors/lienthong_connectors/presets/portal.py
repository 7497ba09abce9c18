"""The National Public Service Portal (Cổng Dịch vụ công quốc gia), session dialect."""

from __future__ import annotations

from lienthong_connectors.presets.envelopes import PORTAL_ANSWER
from lienthong_connectors.rest import CreateThenUpdate, RestTarget, Results, StatusLookup


def sync_dossiers(*, push: str = "/mapi/p", share: str = "/mapi/g") -> RestTarget:
    """Return the target ``DongBoHoSoMC``: create, then update what the portal has already.

    ``push`` and ``share`` are the adapter's endpoints. The portal has no idempotency key: after a
    lost answer each dossier is asked for with ``TraCuuHoSo`` and compared with what was sent; if a process
    is lost, once its request cannot be under way any more (a minute).
    """
    return RestTarget(
        path=push,
        wrap={"service": "DongBoHoSoMC", "isUpdating": "False", "data": "$records"},
        envelope=PORTAL_ANSWER,
        results=Results(
            path="result",
            match="key",
            field="MaHoSo",
            code_path="error_code",
            codes="dvcqg",
        ),
        upsert=CreateThenUpdate(),
        deadline=60.0,
        status=StatusLookup(
            path=share,
            method="POST",
            body={"service": "TraCuuHoSo", "mahoso": "$key"},
            envelope=PORTAL_ANSWER,
            found="result",
        ),
    )
