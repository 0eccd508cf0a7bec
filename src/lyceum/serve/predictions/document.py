"""How the prediction path stands in the API's OpenAPI document, which FastAPI does not write for a bare ASGI path."""

from typing import Any

TRIAL = "Lyceum-Trial"
"""The header of a request whose rows are made up or repeated: answered, and not kept as something the model was asked."""

_ANY_OBJECT = {"type": "object", "additionalProperties": True}
_TEXT = {"type": "string"}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT, "description": description}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


PREDICT_OPERATION: dict[str, Any] = {
    "tags": ["models"],
    "summary": "Predict",
    "description": "Predict rows; answers come in the order of the rows.",
    "operationId": "predict",
    "parameters": [
        _in_path("org", ""),
        _in_path("name", "`name`, `name@alias` or `name@3`; the name alone is the champion, else the latest version."),
        {
            "name": TRIAL,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
            "description": "1 for rows that are made up or repeated, as in a trial or a measurement: they are answered and "
            "not logged, so that what watches the model does not take them for what it is asked.",
        },
    ],
    "requestBody": {
        "required": True,
        **_json(
            {
                "type": "object",
                "required": ["rows"],
                "properties": {
                    "rows": {
                        "type": "array",
                        "items": _ANY_OBJECT,
                        "description": "An object of column and value a row; what is missing may be left out.",
                    }
                },
            }
        ),
    },
    "responses": {
        "200": {
            "description": "The predictions",
            **_json(
                {
                    "type": "object",
                    "required": ["model", "version", "predictions"],
                    "properties": {
                        "model": _TEXT,
                        "version": {"type": "integer"},
                        "predictions": {
                            "type": "array",
                            "items": _ANY_OBJECT,
                            "description": "`label` and `probabilities` of every class, or `value`.",
                        },
                    },
                }
            ),
        },
        "400": {"description": "The body cannot be read"},
        "408": {"description": "The body took too long to arrive"},
        "415": {"description": "The body is encoded"},
    },
}
