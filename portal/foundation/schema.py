"""What the OpenAPI document says beyond the views: every operation may answer with a problem document."""

from typing import Any

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `errors` names each fault's field and what to do about it.",
    "required": ["type", "title", "status", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "In the language of Accept-Language."},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["over_budget", "illegal_state", "not_found"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "code": {"type": "string"},
                    "field": {"type": ["string", "null"]},
                    "detail": {"type": "string"},
                    "remedy": {"type": "string"},
                },
            },
        },
        "figures": {"type": "object", "description": "The numbers behind a refusal, in GPU-seconds."},
        "request_id": {"type": "string"},
    },
}


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation a default answer of type application/problem+json (a hook of drf-spectacular)."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "Refused; the document says why and what to do.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"].setdefault("default", answer)
    return result
