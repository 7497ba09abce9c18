"""Ready settings for services that every province meets.

Each function returns ordinary connector settings, to be used as they are or changed with
`dataclasses.replace`. Where a service's real paths differ from place to place they are arguments.
"""

from lienthong_connectors.presets.catalogue import shared_catalogue
from lienthong_connectors.presets.civil_status import register_civil_status
from lienthong_connectors.presets.lgsp import LGSP_ANSWER, lgsp_list
from lienthong_connectors.presets.onestop import identity_results, onestop_list
from lienthong_connectors.presets.population import verify_citizen
from lienthong_connectors.presets.portal import sync_dossiers
from lienthong_connectors.presets.vxp import VXP_ANSWER, vxp_received, vxp_send, vxp_status

__all__ = [
    "LGSP_ANSWER",
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
