"""What each route that changes something, and makes nothing, is sent: enough to be read, and to go on to who may."""

from typing import Any
from uuid import UUID

_PROVIDER = {
    "title": "The university",
    "discovery_url": "https://203.0.113.7/.well-known/openid-configuration",
    "client_id": "lyceum",
    "admits": "everyone",
}

_MINUTES = {"info": None, "warning": 60, "critical": 10}
_INCIDENT_SETTINGS = {
    "acknowledge_minutes": _MINUTES,
    "resolve_minutes": _MINUTES,
    "reopen_minutes": 60,
    "weekly_digest": True,
    "zone": "Europe/Berlin",
}


def changing(*, org_name: str, user_id: UUID) -> dict[str, Any]:
    """Return the bodies by method and path of the route; what is not here takes none, or makes something.

    Changes of what several people edit also want `If-Match`; the organisation and the person are named where a body names one.
    """
    api = "/api/v1"
    return {
        f"PATCH {api}/organisations/{{org}}": {"title": "Soil"},
        f"DELETE {api}/organisations/{{org}}": {"name": org_name},
        f"PATCH {api}/organisations/{{org}}/members/{{user_id}}": {"role": "viewer"},
        f"POST {api}/organisations/{{org}}/transfer": {"user_id": str(user_id)},
        f"PATCH {api}/organisations/{{org}}/groups/{{group_id}}": {"name": "soil"},
        f"POST {api}/access-requests/{{request_id}}/approve": {"role": "viewer"},
        f"POST {api}/access-requests/{{request_id}}/refuse": {"note": "no"},
        f"PUT {api}/admin/users/{{user_id}}/administrator": {"administrator": True},
        f"POST {api}/me/authenticator-apps/{{app_id}}/confirm": {"code": "123456"},
        f"PATCH {api}/me/factors/{{factor_id}}": {"name": "phone"},
        f"POST {api}/admin/mail/test": {"to": "ada@example.org"},
        f"POST {api}/sign-on/{{provider}}/connection": {"return_to": "/"},
        f"PUT {api}/admin/sign-on-providers/{{provider_id}}": _PROVIDER,
        f"PUT {api}/admin/oauth-clients/{{client_id}}": {"title": "Hub", "redirect_uris": ["https://hub.example/back"]},
        f"PUT {api}/hub/storage/{{org}}/quota": {"bytes_max": 0},
        f"PATCH {api}/datasets/{{org}}/{{name}}": {"description": "x"},
        f"PATCH {api}/checks/{{check_id}}": {"severity": "warning"},
        f"PUT {api}/datasets/{{org}}/{{name}}/checks.yaml": {"checks": [{"kind": "row_count", "min": 1}]},
        f"POST {api}/datasets/{{org}}/{{name}}/versions/{{number}}/slices": {"limit": 1},
        f"POST {api}/datasets/{{org}}/{{name}}/checks/try": {"definition": {"kind": "row_count", "min": 1}},
        f"POST {api}/datasets/{{org}}/{{name}}/checks/records": [{"late": None}],
        f"PATCH {api}/streams/{{stream_id}}": {"flush_rows": 20},
        f"PUT {api}/datasets/{{org}}/{{name}}/sql-source": {"url": "mysql://u:p@203.0.113.7/data", "table": "t"},
        f"PUT {api}/datasets/{{org}}/{{name}}/personal-columns": {"column": "a", "is_marked": True},
        f"PUT {api}/datasets/{{org}}/{{name}}/schema-compatibility": {"mode": "NONE"},
        f"PUT {api}/datasets/{{org}}/{{name}}/watch": {"enabled": False},
        f"PUT {api}/datasets/{{org}}/{{name}}/anomalies/{{anomaly_id}}/answer": {"answer": "expected"},
        f"PUT {api}/datasets/{{org}}/{{name}}/retention": {"keep_versions": 9, "keep_days": None, "dormant_days": None},
        f"PUT {api}/datasets/{{org}}/{{name}}/dormancy": {"dormant": False},
        f"POST {api}/datasets/{{org}}/{{name}}/schema-tries": {"columns": [{"name": "a", "type": "integer"}]},
        f"POST {api}/incidents/{{incident_id}}/acknowledge": {"comment": "seen"},
        f"PUT {api}/incidents/{{incident_id}}/assignee": {"user_id": None},
        f"POST {api}/incidents/{{incident_id}}/snooze": {"until": None},
        f"POST {api}/incidents/{{incident_id}}/resolve": {"resolution": "fixed"},
        f"POST {api}/incidents/{{incident_id}}/reopen": {"comment": "no"},
        f"PUT {api}/organisations/{{org}}/alert-rules/order": {"ids": []},
        f"PUT {api}/organisations/{{org}}/alert-rules/{{alert_rule_id}}": {
            "name": "r",
            "to": {"people": [str(user_id)]},
        },
        f"PUT {api}/organisations/{{org}}/incident-settings": _INCIDENT_SETTINGS,
        f"PUT {api}/models/{{org}}/{{name}}/sensitive": {"sensitive": True},
        f"PUT {api}/models/{{org}}/{{name}}/aliases/{{alias}}": {"version": 1},
    }
