"""The operations of an OpenAPI 3 or Swagger 2 document, in one form for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.errors import Misconfigured
from lienthong_connectors.openapi.resolving import Resolver

METHODS: Final = ("get", "post", "put", "patch", "delete", "query", "head", "options", "trace")
_FORM: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_OF_SWAGGER: Final = frozenset(
    {"name", "in", "required", "description", "collectionFormat", "allowEmptyValue"}
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, where it goes (query, path, header or cookie), and its schema."""

    name: str
    place: str
    required: bool
    schema: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """One path and method.

    ``answered`` is the schema of a successful answer's JSON (of a line, where ``media`` is one of lines),
    None where there is none; ``media`` its content type, "" for no body. ``asked`` is the schema of the body,
    None where there is none. ``headers`` are the answer's. ``security`` are the alternatives, each a map of
    scheme to scopes; an empty one means that nothing is needed.
    """

    name: str
    method: str
    path: str
    summary: str
    status: int
    parameters: tuple[Parameter, ...] = ()
    asked: Any = field(default=None, repr=False)
    asked_media: str = ""
    answered: Any = field(default=None, repr=False)
    media: str = ""
    headers: tuple[str, ...] = ()
    security: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    deprecated: bool = False

    @property
    def query(self) -> dict[str, Mapping[str, Any]]:
        """Return the schemas of the query parameters by name."""
        return {one.name: one.schema for one in self.parameters if one.place == "query"}

    @property
    def lines(self) -> bool:
        """Whether an answer is one record a line."""
        return self.media in _LINES


class Description:
    """What a document says; raises `Misconfigured` where it is no OpenAPI 3 and no Swagger 2."""

    def __init__(self, root: Mapping[str, Any], where: str) -> None:
        self.root, self.where = root, where
        self.swagger = str(root.get("swagger", "")).startswith("2")
        if not self.swagger and not str(root.get("openapi", "")).startswith("3."):
            raise Misconfigured(
                "this is no OpenAPI 3 document and no Swagger 2 document",
                where=where,
                hint="its root must say openapi: 3.x or swagger: 2.0",
            )
        self.resolver = Resolver(root)
        self.operations = tuple(self._operations())
        if not self.operations:
            raise Misconfigured("the document describes no operation", where=where)

    @property
    def title(self) -> str:
        """The document's own title."""
        info = self.root.get("info")
        return str(info.get("title") or "") if isinstance(info, Mapping) else ""

    @property
    def server(self) -> str:
        """The first server's address, variables replaced by their defaults; it may be relative or empty."""
        if self.swagger:
            schemes = self.root.get("schemes") or ["https"]
            scheme = "https" if "https" in schemes else schemes[0]
            host, base = self.root.get("host", ""), str(self.root.get("basePath", "")).rstrip("/")
            return f"{scheme}://{host}{base}" if host else base
        servers = self.root.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else {}
        url = str(first.get("url") or "") if isinstance(first, Mapping) else ""
        for name, variable in (first.get("variables") or {}).items() if url else ():
            url = url.replace(f"{{{name}}}", str(self.resolver.node(variable).get("default", "")))
        return url.rstrip("/")

    @property
    def schemes(self) -> dict[str, Mapping[str, Any]]:
        """The security schemes by name."""
        components: Any = self.root.get("components") or {}
        found = self.root.get("securityDefinitions") if self.swagger else components.get("securitySchemes")
        return {str(name): self.resolver.node(one) for name, one in (found or {}).items()}

    def _operations(self) -> Iterator[Operation]:
        paths = self.root.get("paths")
        for path, raw in (paths if isinstance(paths, Mapping) else {}).items():
            item = self.resolver.node(raw)
            further = item.get("additionalOperations")  # OpenAPI 3.2
            every = {**{name: item.get(name) for name in METHODS}, **(further if further else {})}
            for method, about in every.items():
                if isinstance(about, Mapping):
                    yield self._operation(str(path), method.lower(), item, about)

    def _operation(
        self, path: str, method: str, item: Mapping[str, Any], about: Mapping[str, Any]
    ) -> Operation:
        raw = [self.resolver.node(one) for one in [*_list(item, "parameters"), *_list(about, "parameters")]]
        status, answer = self._success(about.get("responses"))
        asked_media, asked = self._body(raw, about)
        media, answered = self._content(answer, _list(about, "produces") or _list(self.root, "produces"))
        security = about.get("security", self.root.get("security"))
        given = {(one.name, one.place): one for each in raw for one in self._parameters(each)}
        return Operation(
            name=str(about.get("operationId") or f"{method} {path}"),
            method=method,
            path=path,
            summary=str(about.get("summary") or about.get("description") or "").strip().split("\n")[0][:200],
            status=status,
            parameters=tuple(given.values()),
            asked=asked,
            asked_media=asked_media,
            answered=answered,
            media=media,
            headers=tuple(str(name) for name in answer.get("headers") or ()),
            security=tuple(
                {str(name): tuple(map(str, scopes or ())) for name, scopes in one.items()}
                for one in (security if isinstance(security, list) else ())
                if isinstance(one, Mapping)
            ),
            deprecated=about.get("deprecated") is True,
        )

    def _parameters(self, one: Mapping[str, Any]) -> Iterator[Parameter]:
        """Yield a parameter; an object in the query is one for each of its members (style form, exploded)."""
        place, name = str(one.get("in", "")), str(one.get("name", ""))
        if place not in ("query", "path", "header", "cookie") or not name:
            return
        schema = one.get("schema")
        if schema is None and isinstance(one.get("content"), Mapping):
            schema = next((item.get("schema") for item in one["content"].values()), {})
        elif schema is None:
            schema = {word: value for word, value in one.items() if word not in _OF_SWAGGER}
        found = self.resolver.schema(schema)
        required = one.get("required") is True or place == "path"
        exploded = one.get("style", "form") == "form" and one.get("explode") is not False
        if place == "query" and exploded and found.get("properties") and "content" not in one:
            needed = found.get("required", ())
            for inner, part in found["properties"].items():
                yield Parameter(str(inner), place, required and inner in needed, self.resolver.schema(part))
            return
        yield Parameter(name, place, required, _with_example(found, one))

    def _success(self, responses: Any) -> tuple[int, Mapping[str, Any]]:
        """Return status and response of a success: the lowest 2xx, else ``2XX``, else ``default``."""
        found = responses if isinstance(responses, Mapping) else {}
        for code in sorted(map(str, found)):
            if code.isdecimal() and 200 <= int(code) < 300:
                return int(code), self.resolver.node(found[code])
        wild = next((code for code in found if str(code).upper() == "2XX"), "default")
        return 200, self.resolver.node(found.get(wild, {}))

    def _content(self, body: Mapping[str, Any], produces: list[Any]) -> tuple[str, Any]:
        """Return content type and schema of a body; of several the one that is most surely JSON."""
        content = body.get("content")
        if self.swagger:
            types = map(str, produces or ["application/json"])
            content = {media: {"schema": body["schema"]} for media in types} if "schema" in body else None
        if not isinstance(content, Mapping) or not content:
            return "", None
        media, about = min(content.items(), key=lambda item: _rank(str(item[0])))
        plain, about = str(media).partition(";")[0].strip().lower(), self.resolver.node(about)
        if "*" in plain:
            plain = "application/json"
        if _rank(plain) >= len(_RANKS):
            return plain, None
        schema = about.get("itemSchema") if plain in _LINES else None  # OpenAPI 3.2
        return plain, schema or about.get("schema", {})

    def _body(self, raw: list[Mapping[str, Any]], about: Mapping[str, Any]) -> tuple[str, Any]:
        if not self.swagger:
            return self._content(self.resolver.node(about.get("requestBody")), [])
        takes = _list(about, "consumes") or _list(self.root, "consumes") or ["application/json"]
        for one in raw:
            if one.get("in") == "body":
                media = min(map(str, takes), key=_rank)
                return media, one.get("schema", {}) if _rank(media) < len(_RANKS) else None
        return (_FORM[0], None) if any(one.get("in") == "formData" for one in raw) else ("", None)


#: What a content type must look like to be taken for JSON, the surest first.
_RANKS: Final[tuple[Callable[[str], bool], ...]] = (
    lambda media: media == "application/json",
    lambda media: media.endswith("+json") or media == "text/json",
    lambda media: media in _LINES,
    lambda media: media in ("*/*", "application/*"),
)


def _rank(media: str) -> int:
    plain = media.partition(";")[0].strip().lower()
    return next((place for place, fits in enumerate(_RANKS) if fits(plain)), len(_RANKS))


def _with_example(schema: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a parameter's schema with the example that stands beside it, where it has none of its own."""
    example = one.get("example", one.get("x-example"))
    return {**schema, "example": example} if example is not None and "example" not in schema else schema


def _list(about: Mapping[str, Any], name: str) -> list[Any]:
    found = about.get(name)
    return list(found) if isinstance(found, list) else []
