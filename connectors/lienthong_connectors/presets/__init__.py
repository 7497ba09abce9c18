"""Ready settings for services that every province meets.

Each function returns ordinary connector settings, to be used as they are or changed with
`dataclasses.replace`. Where a service's real paths differ from place to place they are arguments.
"""

from lienthong_connectors.presets.catalogue import shared_catalogue
from lienthong_connectors.presets.civil_status import register_civil_status
from lienthong_connectors.presets.onestop import identity_results, onestop_list
from lienthong_connectors.presets.population import verify_citizen
from lienthong_connectors.presets.portal import sync_dossiers

__all__ = [
    "identity_results",
    "onestop_list",
    "register_civil_status",
    "shared_catalogue",
    "sync_dossiers",
    "verify_citizen",
]
