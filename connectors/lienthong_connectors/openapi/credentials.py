"""What a document says of credentials, as a connection to be filled in: TODO stands for every secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lienthong_connectors.openapi.operations import Description, Operation

TODO: Final = "TODO"
Extra = dict[str, Any]


def connection_of(said: Description, operation: Operation) -> tuple[dict[str, Any], list[str]]:
    """Return a connection as Airflow stores it, and what a person should know about it.

    Of several alternatives the first that a connection can say is taken (OpenAPI 3.1 section 4.8.30: one of
    them is enough, and all that stand in one are needed).
    """
    found: dict[str, Any] = {"conn_type": "lienthong_rest", "host": _host(said)}
    remarks = [] if found["host"] != TODO else ["the document names no server: give the connection's host"]
    alternatives = operation.security or ({},)
    unknown: list[str] = []
    for alternative in alternatives:
        fields, extra, missing = _alternative(said, alternative)
        if not missing:
            return {**found, **fields, "extra": extra}, remarks
        unknown += missing
    if {} not in alternatives:
        remarks += [
            f"no connection can say: {', '.join(dict.fromkeys(unknown))}; ask the agency for another way"
        ]
    return {**found, "extra": {"auth": "none"}}, remarks


def _alternative(
    said: Description, alternative: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Any], Extra, list[str]]:
    """Return fields and extras of one alternative, and the schemes that a connection cannot say."""
    fields: dict[str, Any] = {}
    extra: Extra = {"auth": "none"}
    missing: list[str] = []
    for name, scopes in alternative.items():
        scheme = said.schemes.get(name, {})
        one_fields, one = _scheme(scheme, scopes)
        if one is None:
            missing.append(f"{name} ({_words(scheme)})")
        elif extra["auth"] == "none" or "auth" not in one:
            fields, extra = {**fields, **one_fields}, {**extra, **one}
        elif one["auth"] == "api-key" and "api_key_query" not in one:
            extra["headers"] = {**extra.get("headers", {}), one["api_key_header"]: TODO}
        elif extra["auth"] == "api-key" and "api_key_query" not in extra:
            beside = {**extra.get("headers", {}), extra["api_key_header"]: TODO}
            fields, extra = {**fields, **one_fields}, {**one, "headers": beside}
        else:
            missing.append(f"{name} beside the others")
    return fields, extra, missing


def _scheme(scheme: Mapping[str, Any], scopes: tuple[str, ...]) -> tuple[dict[str, Any], Extra | None]:
    """Return fields and extras of one scheme, None for one that a connection cannot say."""
    kind, how = str(scheme.get("type", "")), str(scheme.get("scheme", "")).lower()
    login = {"login": TODO, "password": TODO}
    if kind == "basic" or (kind == "http" and how == "basic"):
        return login, {"auth": "basic"}
    if kind == "http" and how == "bearer":
        return {}, {"auth": "bearer", "token": TODO}
    if kind == "apiKey":
        return {}, _api_key(scheme)
    if kind == "mutualTLS":
        return {}, {"client_certificate": TODO, "client_key": TODO}
    if kind == "oauth2":
        flows: Any = scheme.get("flows")
        flow = flows.get("clientCredentials") if isinstance(flows, Mapping) else None
        if flow is None and scheme.get("flow") == "application":  # Swagger 2.0
            flow = scheme
        if isinstance(flow, Mapping):
            asked = {"scope": " ".join(scopes)} if scopes else {}
            url = str(flow.get("tokenUrl") or TODO)
            return login, {"auth": "oauth2", "token_url": url, **asked}
    return {}, None


def _api_key(scheme: Mapping[str, Any]) -> Extra | None:
    name, place = str(scheme.get("name", "")), scheme.get("in")
    if place == "query":
        return {"auth": "api-key", "api_key_query": name, "token": TODO}
    if place != "header":
        return None
    if name.lower() == "authorization" and "bearer" in str(scheme.get("description", "")).lower():
        return {"auth": "bearer", "token": TODO}  # how Swagger 2.0, which knows no bearer, writes it
    return {"auth": "api-key", "api_key_header": name, "token": TODO}


def _words(scheme: Mapping[str, Any]) -> str:
    flows = scheme.get("flows")
    said = [scheme.get("type"), scheme.get("scheme"), scheme.get("in"), scheme.get("flow")]
    return " ".join(str(word) for word in [*said, *(flows if isinstance(flows, Mapping) else ())] if word)


def _host(said: Description) -> str:
    """Return the address of the first server; a relative one stands under where the document came from."""
    server = said.server
    if server.startswith(("http://", "https://")):
        return server
    if said.where.startswith(("http://", "https://")):
        from urllib.parse import urljoin

        return urljoin(said.where, server or "/").rstrip("/")
    return f"https://{TODO}{server}" if server else TODO
