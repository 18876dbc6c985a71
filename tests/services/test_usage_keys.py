"""The keys by which an unbridged site's uploads are known: registered, revoked, replaced."""

import pytest

from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.models import AuditRow
from scheduler_bridge.models import UsageKey, UsageUpload
from scheduler_bridge.uploads.keys import usage_key_register, usage_key_revoke
from scheduler_bridge.uploads.services import usage_accept
from tests.uploading import Away, new_key, openssl


def test_a_key_is_registered_and_revoked_with_who_and_when(away: Away):
    cast = away.cast
    assert (away.key.registered_by, len(away.key.fingerprint)) == (cast.site_manager, 64)
    assert AuditRow.objects.get(action="usage_key_register").after["fingerprint"] == away.key.fingerprint
    with pytest.raises(InvalidInput):
        usage_key_revoke(actor=cast.site_manager, key=away.key, reason=" ")
    waiting = away.upload(away.row())
    key = usage_key_revoke(actor=cast.site_manager, key=away.key, reason="Lost laptop")
    assert (key.revoked_by, key.reason) == (cast.site_manager, "Lost laptop")
    with pytest.raises(IllegalState):
        usage_key_revoke(actor=cast.site_manager, key=away.key, reason="Again")
    with pytest.raises(IllegalState) as refusal:  # what it signed isn't taken any more
        usage_accept(actor=cast.site_manager, upload=waiting)
    assert "revoked" in refusal.value.text
    with pytest.raises(InvalidInput) as unsigned:
        away.upload(away.row("other"))
    assert unsigned.value.field == "signature"
    with pytest.raises(IllegalState):  # nor does it come back
        usage_key_register(
            actor=cast.site_manager, site=cast.site, name="Same", public_key=away.key.public_key
        )


def test_the_next_key_works_beside_the_old_one(away: Away):
    public = new_key(away.folder / "next.pem")
    key = usage_key_register(actor=away.cast.admin, site=away.cast.site, name="Next", public_key=public)
    content = away.table(away.row())
    assert away.upload(content=content, signature=away.sign(content, "next.pem")).key == key


def test_a_waiting_table_whose_key_was_revoked_is_signed_anew(away: Away):
    cast, content = away.cast, away.table(away.row())
    waiting = away.upload(content=content)
    public = new_key(away.folder / "next.pem")
    key = usage_key_register(actor=cast.admin, site=cast.site, name="Next", public_key=public)
    signature = away.sign(content, "next.pem")
    same = away.upload(content=content, signature=signature, actor=cast.admin)
    assert (same, same.key, same.uploaded_by) == (waiting, away.key, cast.site_manager), "its key is in force"
    usage_key_revoke(actor=cast.site_manager, key=away.key, reason="Lost laptop")
    anew = away.upload(content=content, signature=signature, actor=cast.admin)
    assert (anew, UsageUpload.objects.count()) == (waiting, 1)
    stored = UsageUpload.objects.get()
    assert (stored.key, bytes(stored.signature), stored.uploaded_by) == (key, signature, cast.admin)
    told = AuditRow.objects.filter(action="usage_upload").latest("id")
    assert told.before == {"key": away.key.code, "uploaded_by": cast.site_manager.code}
    assert told.after == {"key": key.code, "uploaded_by": cast.admin.code}
    assert usage_accept(actor=cast.site_manager, upload=stored).new == 1


UNKNOWN_CURVE = """-----BEGIN PUBLIC KEY-----
MFcwEQYHKoZIzj0CAQYGK4EEAA8PA0IABAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB
AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize("kind", ["nothing", "private", "rsa", "curve"])
def test_what_is_no_public_ed25519_key(away: Away, kind):
    private = (away.folder / "key.pem").read_text()
    pem = {"nothing": "hello", "private": private, "curve": UNKNOWN_CURVE}.get(kind)
    if pem is None:
        openssl("genrsa", "-out", away.folder / "rsa.pem", "2048")
        pem = openssl("rsa", "-in", away.folder / "rsa.pem", "-pubout")
    with pytest.raises(InvalidInput) as refusal:
        usage_key_register(actor=away.cast.admin, site=away.cast.site, name="X", public_key=pem)
    assert refusal.value.field == "public_key"
    assert UsageKey.objects.count() == 1
