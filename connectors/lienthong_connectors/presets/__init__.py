"""Ready settings for services that every province meets.

The envelopes are those that many services share. Each function returns ordinary connector
settings, to be used as they are or changed with `dataclasses.replace`. Where a service's real paths
differ from place to place they are arguments.
"""

from lienthong_connectors.presets.catalogue import shared_catalogue
from lienthong_connectors.presets.civil_status import register_civil_status
from lienthong_connectors.presets.envelopes import GATEWAY_ANSWER, LGSP_ANSWER, PORTAL_ANSWER
from lienthong_connectors.presets.lgsp import lgsp_list
from lienthong_connectors.presets.onestop import identity_results, onestop_list
from lienthong_connectors.presets.population import verify_citizen
from lienthong_connectors.presets.portal import sync_dossiers
from lienthong_connectors.presets.vxp import VXP_ANSWER, vxp_received, vxp_send, vxp_status

__all__ = [
    "GATEWAY_ANSWER",
    "LGSP_ANSWER",
    "PORTAL_ANSWER",
    "VXP_ANSWER",
    "identity_results",
    "lgsp_list",
    "onestop_list",
    "register_civil_status",
    "shared_catalogue",
    "sync_dossiers",
    "verify_citizen",
    "vxp_received",
    "vxp_send",
    "vxp_status",
]
