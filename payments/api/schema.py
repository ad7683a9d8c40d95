"""The schema tells what is true of errors: one shape everywhere, whatever the code.

What the library lists for each path are the codes that it knows of itself; ours are many more, and
a client that believed the list would fail on the first of them.
"""

import json
from typing import Any

Schema = dict[str, Any]
_ERROR: Schema = {
    "type": "object",
    "description": "Match `code`; `detail` is for people, `attr` names the field that is to blame.",
    "required": ["type", "errors"],
    "properties": {
        "type": {"type": "string", "enum": ["validation_error", "client_error", "server_error"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail", "attr"],
                "properties": {
                    "code": {"type": "string", "examples": ["invalid_amount", "payment_declined"]},
                    "detail": {"type": "string"},
                    "attr": {"type": ["string", "null"]},
                },
            },
        },
    },
}
# What any call that moves something may answer, besides what the library knows of.
_ENDINGS = {
    "402": "The provider declined.",
    "409": "Not now, or not from this status.",
    "422": "This Idempotency-Key bore another body before.",
    "503": "Nothing was done at the provider; try again after `Retry-After`.",
    "504": "What became of it is not known yet, and is being found out; do not pay again.",
}


def tell_one_error_shape(result: Schema, **_: Any) -> Schema:
    """Point every answer of 4xx and 5xx to the one shape, and drop what nobody names any more."""
    components = result["components"]["schemas"]
    components["Error"] = _ERROR
    reference = {"schema": {"$ref": "#/components/schemas/Error"}}
    for operation in _operations(result):
        if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", [])):
            told = {status: {"description": text} for status, text in _ENDINGS.items()}
            operation["responses"] = told | operation["responses"]
        for status, answer in operation["responses"].items():
            if status[0] in "45":
                answer["content"] = {"application/json": reference}
    while unnamed := [name for name in components if not _is_named(result, name)]:
        for name in unnamed:
            del components[name]
    return result


def _operations(result: Schema) -> list[Schema]:
    items = result["paths"].values()
    return [part for item in items for part in item.values() if "responses" in part]


def _is_named(result: Schema, name: str) -> bool:
    return f'"#/components/schemas/{name}"' in json.dumps(result)
