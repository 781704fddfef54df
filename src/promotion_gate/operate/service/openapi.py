"""The OpenAPI document, made from the table of endpoints and the types of the wire."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from promotion_gate.operate.service import body, examples, responses
from promotion_gate.operate.service.endpoint import Endpoint
from promotion_gate.operate.service.wire import ProblemDocument

PATH = "/openapi.json"
ABOUT = (
    "Scores modules by the risk of their failure, decides on promotions, keeps what was decided, rolls back. "
    "Names are in Unicode's normal form C. A 422 has the code `invalid` where a part breaks its type as it is given "
    "here; other codes say what no type can."
)

STRICTER = {r"^[^\x00-\x1f\x7f]+$": body.NAME_PATTERN, r"\S": body.WORDS_PATTERN}
"""What the service asks of a text beyond its type's own pattern, by that pattern."""


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document."""
    schemas = _Schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = endpoint.path.replace(":path}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path, schemas)
    problem = schemas.any_of([ProblemDocument], "serialization")
    made = {
        "openapi": "3.1.0",
        "info": {"title": "promotion-gate", "version": "1", "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "responses": responses.components(problem),
            "headers": responses.HEADERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    _be_stricter(made)
    return made


class _Schemas:
    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        taken: list[tuple[type[BaseModel], JsonSchemaMode]] = [
            (model, "validation") for endpoint in endpoints for model in endpoint.takes
        ]
        given: list[tuple[type[BaseModel], JsonSchemaMode]] = [
            (model, "serialization") for endpoint in endpoints for model in endpoint.gives
        ]
        wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = dict.fromkeys(
            [*taken, *given, (ProblemDocument, "serialization")]
        )
        made, rest = TypeAdapter.json_schemas(
            [(model, mode, TypeAdapter[Any](model)) for model, mode in wanted],
            ref_template="#/components/schemas/{model}",
        )
        self._made, self.definitions = made, rest.get("$defs", {})

    def any_of(self, models: Sequence[type[BaseModel]], mode: JsonSchemaMode) -> Any:
        kinds = [self._made[(model, mode)] for model in models]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _operation(endpoint: Endpoint, path: str, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    if endpoint.gives:
        content = {"application/json": {"schema": schemas.any_of(endpoint.gives, "serialization")}}
    elif path == "/metrics":
        content = {"text/plain": {"schema": {"type": "string"}}}
    made: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "parameters": [*_path_parameters(path), *_query_parameters(endpoint)],
        "responses": responses.of(endpoint, path, content),
    }
    if endpoint.takes:
        told = {model.__name__: {"value": examples.OF[model]} for model in endpoint.takes}
        schema = schemas.any_of(endpoint.takes, "validation")
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema, "examples": told}}}
    if path == "/v1/promotions" and endpoint.method == "POST":
        key = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        made["parameters"].append({"name": "Idempotency-Key", "in": "header", "schema": key})
    if endpoint.scope is not None:
        made["security"] = [{"token": []}]
        made["x-scope"] = str(endpoint.scope)
    return made


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": body.NAME_PATTERN}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in re.findall(r"{(\w+)}", path)]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    schema = endpoint.query.model_json_schema()
    inlined = {name: _inlined(one, schema.get("$defs", {})) for name, one in schema["properties"].items()}
    return [{"name": name, "in": "query", "schema": one} for name, one in inlined.items()]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Without references, and without null, which a query cannot say."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    kind = kinds[0]
    if "$ref" in kind:
        kind = definitions[kind["$ref"].rsplit("/", 1)[-1]]
    return {name: value for name, value in kind.items() if name not in ("title", "default", "description")}


def _be_stricter(part: Any) -> None:
    """Say everywhere in a part of the document what pydantic leaves unsaid: the service's patterns, and all keys."""
    if isinstance(part, dict):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            part["pattern"] = STRICTER.get(pattern, pattern)
        if "patternProperties" in part:  # pydantic's for a mapping whose keys all match: others are refused
            [(pattern, values)] = part.pop("patternProperties").items()
            part["additionalProperties"] = values
            part["propertyNames"] = {**part.get("propertyNames", {}), "pattern": STRICTER.get(pattern, pattern)}
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _be_stricter(one)
