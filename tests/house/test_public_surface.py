"""The names that authors and connector writers rely on."""

from __future__ import annotations

import importlib

import pytest

SURFACE = {
    "lienthong": {"Delivery", "Exchange", "Lookup", "Source", "Target", "Text", "__version__"},
    "lienthong.airflow": {
        "airflow_connections", "delivered", "exchange_dag", "exchange_group", "housekeeping_dag", "run_params"
    },
    "lienthong.pipeline": {
        "STEPS", "Bus", "Part", "Plan", "RunRequest", "Settled", "compile_plan", "pull", "push",
        "run_exchange", "settle", "transform", "validate",
    },
    "lienthong.connector": {
        "Answer", "Attachment", "AttachmentStore", "Batch", "Connection", "ConnectionField",
        "ConnectorDescriptor", "Context", "EXPIRES", "End", "Expiry", "Finding",
        "LookupSettings", "Malformed", "NOT_TAKEN", "Option", "Order", "PLACE", "Page", "Placed", "Question",
        "ReadRequest", "Receipt",
        "RecordLookup", "RecordSource", "RecordTarget", "SERVICE_FIELDS", "STATUS_503", "SourceCapabilities",
        "SourceSettings", "Spoken", "Stand", "TargetCapabilities", "TargetSettings", "Unsure",
        "account_expiry", "connector", "connector_kinds", "declares_not_taken", "expiries_of", "in_doubt",
        "not_taken", "option", "status_error",
    },
    "lienthong.signing": {"KeyRing", "LocalSigner", "Signer", "TrustStore", "Verified"},
    "lienthong.keyindex": {
        "ENTRY", "GROUP", "KEY", "NO_KEY", "Absence", "Entry", "Group", "KeyHasher", "Level", "LevelFile",
        "LevelInfo", "LevelWriter", "Merge", "Sidecar", "Source", "Version", "absent", "build",
        "check_absent", "check_present", "difference", "due", "entry", "everything", "key_id", "merge",
        "newest_of", "present", "repeated", "require_one_key", "root_over_entries",
    },
    "lienthong.staging": {"BlobStore", "LevelStore", "SegmentStore", "Taken", "compact"},
    "lienthong_connectors.presets": {
        "GATEWAY_ANSWER", "LGSP_ANSWER", "PORTAL_ANSWER", "VXP_ANSWER", "identity_results", "lgsp_list",
        "onestop_list", "register_civil_status", "shared_catalogue", "sync_dossiers", "verify_citizen",
        "vxp_received", "vxp_send", "vxp_status",
    },
    "lienthong_connectors.sql": {"DESCRIPTOR", "SqlSource", "SqlTarget"},
}  # fmt: skip


@pytest.mark.parametrize("module", SURFACE)
def test_what_is_public_is_exactly_this(module: str) -> None:
    """A name appears or vanishes only together with this list."""
    loaded = importlib.import_module(module)
    assert set(loaded.__all__) == SURFACE[module]
    for name in SURFACE[module]:
        assert getattr(loaded, name) is not None


@pytest.mark.parametrize("kind", ["rest", "soap", "sql"])
def test_every_connector_describes_itself(kind: str) -> None:
    """Descriptor, connection fields and options carry their documentation; secrets are marked."""
    from lienthong.connector import connector

    found = connector(kind)
    assert found.kind == kind
    assert found.connection_type == f"lienthong_{kind}"
    assert found.title.vi
    assert found.title.en
    assert all(item.doc for item in found.connection)
    assert any(item.name == "password" and item.secret for item in found.connection)
    for role in found.settings:
        assert all(item.doc for item in found.options(role)), role
