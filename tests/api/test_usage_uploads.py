"""Keys and uploads of unbridged sites over the API."""

import base64

import pytest

from portal.foundation.clock import today
from scheduler_bridge.models import UploadedRun, UsageUpload
from scheduler_bridge.uploads.table import MOST_BYTES
from tests.uploading import Away, new_key

KEYS, UPLOADS = "/api/v1/usage-keys/", "/api/v1/usage-uploads/"


def body(away: Away, *rows) -> dict[str, str]:
    content = away.table(*rows)
    encoded = {"content": content, "signature": away.sign(content)}
    return {"site": "ned"} | {name: base64.b64encode(value).decode() for name, value in encoded.items()}


def post(client, url: str, data=None, **extra):
    return client.post(url, data or {}, format="json", **extra)


def test_from_upload_to_report(api, away: Away):
    client = api(away.cast.site_manager)
    sent = body(away, away.row(), away.row("bad", gpus=0))
    first = post(client, UPLOADS, sent, HTTP_IDEMPOTENCY_KEY="november")
    again = post(client, UPLOADS, sent, HTTP_IDEMPOTENCY_KEY="november")
    assert (first.status_code, again.json()) == (201, first.json())
    told = first.json()
    assert (told["new"], told["wrong"], told["gpu_seconds"], told["state"]) == (1, 1, 7200, "checked")
    assert [(fault["row"], fault["column"]) for fault in told["faults"]] == [(4, "gpus")]
    url = f"{UPLOADS}{told['code']}/"
    assert client.get(url).json() == told
    refused = post(client, f"{url}accept/", {"mark": told["mark"]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "leave_wrong")
    done = post(client, f"{url}accept/", {"mark": told["mark"], "leave_wrong": True})
    assert (done.status_code, done.json()["state"], done.json()["new"]) == (200, "accepted", 1)
    assert post(client, f"{url}accept/").status_code == 409
    assert client.get(f"{url}file/").content == base64.b64decode(sent["content"])
    assert client.get(f"{UPLOADS}?state=accepted&site=ned").json()["count"] == 1

    asked = f"/api/v1/reports/usage?group_by=site&from={today().replace(day=1)}&to={today()}"
    rows = api(away.cast.auditor).get(asked).json()["rows"]
    assert [row["gpu_hours"] for row in rows if row["site"] == "ned"] == [2.0]


def test_keys(api, away: Away):
    client = api(away.cast.site_manager)
    sent = {"site": "ned", "name": "Next", "public_key": new_key(away.folder / "next.pem")}
    key = post(client, KEYS, sent).json()
    assert (key["name"], key["revoked_at"]) == ("Next", None)
    assert post(client, KEYS, sent).status_code == 409
    assert post(client, f"{KEYS}{key['code']}/revoke/", {"reason": ""}).status_code == 400
    assert post(client, f"{KEYS}{key['code']}/revoke/", {"reason": "Lost"}).json()["reason"] == "Lost"
    assert client.get(KEYS).json()["count"] == 2
    assert api(away.cast.pi).get(KEYS).json()["count"] == 0


def test_discarding(api, away: Away):
    upload = away.upload(away.row())
    assert post(api(away.cast.pi), f"{UPLOADS}{upload.code}/discard/").status_code == 404
    done = post(api(away.cast.admin), f"{UPLOADS}{upload.code}/discard/")
    assert done.json()["state"] == "discarded"


def test_a_body_that_is_too_large_is_an_error_too(api, away: Away):
    sent = body(away, away.row()) | {"content": "A" * 5 * 1024 * 1024}
    reply = post(api(away.cast.site_manager), UPLOADS, sent)
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    assert reply.json()["errors"][0]["remedy"]


@pytest.mark.parametrize("who", [None, "pi", "auditor", "council", "outsider"])
def test_nobody_else(api, away: Away, who):
    upload = away.upload(away.row())
    client = api(getattr(away.cast, who) if who else None)
    refused = 403 if who else 401
    assert post(client, UPLOADS, body(away, away.row("x"))).status_code == refused
    key = {"site": "ned", "name": "X", "public_key": new_key(away.folder / "x.pem")}
    assert post(client, KEYS, key).status_code == refused
    for url in (f"{UPLOADS}{upload.code}/accept/", f"{KEYS}{away.key.code}/revoke/"):
        assert post(client, url, {"reason": "X"}).status_code == (404 if who else 401)
    assert client.get(f"{UPLOADS}{upload.code}/file/").status_code == (404 if who else 401)
    assert not UploadedRun.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"signature": "AAAA"}, "signature"),
        ({"signature": "not base64!"}, "signature"),
        ({"content": base64.b64encode(b"other").decode()}, "signature"),
        ({"content": base64.b64encode(b"\n" * (MOST_BYTES + 1)).decode()}, "content"),
        ({"site": "nowhere"}, "site"),
    ],
)
def test_bad_input_names_its_field(api, away: Away, change, field):
    reply = post(api(away.cast.site_manager), UPLOADS, body(away, away.row()) | change)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == field
    assert not UsageUpload.objects.exists()
