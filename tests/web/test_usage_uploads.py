"""Pages of an unbridged site: keys, uploading, looking, accepting, history."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal.foundation.models import AuditRow
from scheduler_bridge.models import UploadedRun, UsageKey, UsageUpload
from scheduler_bridge.uploads.services import usage_accept
from scheduler_bridge.uploads.table import MOST_BYTES
from tests.uploading import Away, new_key

USAGE, NEW, KEYS = "/sites/ned/usage/", "/sites/ned/usage/new/", "/sites/ned/usage-keys/"


def sent(away: Away, content: bytes) -> dict[str, SimpleUploadedFile]:
    return {
        "content": SimpleUploadedFile("november.csv", content),
        "signature": SimpleUploadedFile("november.csv.sig", away.sign(content)),
    }


def test_from_the_file_to_the_receipt(web, away: Away):
    cast = away.cast
    manager = web(cast.site_manager)
    assert "Nothing was uploaded yet" in manager.get(USAGE).content.decode()
    assert "openssl pkeyutl -sign -rawin" in manager.get(NEW).content.decode()
    content = away.table(away.row(), away.row("run-2", gpus=1), away.row("bad", gpus=0))
    reply = manager.post(NEW, sent(away, content))
    upload = UsageUpload.objects.get()
    assert reply.url == upload.get_absolute_url()
    page = manager.get(reply.url)
    shown = page.content.decode()
    assert (page.context["verdict"].good, page.context["verdict"].wrong) == (2, 1)
    assert "must be corrected. Either discard" in shown
    assert "Write a whole number of GPUs" in shown
    assert upload.sha256 in shown
    assert "run-2" in manager.get(f"{reply.url}?show=new").content.decode()

    mark = page.context["verdict"].mark
    refused = manager.post(reply.url, {"mark": mark})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["leave_wrong"])
    assert not UploadedRun.objects.exists()
    assert manager.post(reply.url, {"mark": mark, "leave_wrong": "on"}).url == reply.url
    assert away.balances.spent == 3 * 3600
    shown = manager.get(reply.url).content.decode()
    assert "Accept and charge" not in shown
    assert "Write a whole number of GPUs" in shown
    assert manager.post(reply.url, {"leave_wrong": "on"}).status_code == 422
    assert "november.csv" in manager.get(USAGE).content.decode()
    assert "november.csv" not in manager.get(f"{USAGE}?state=discarded").content.decode()

    original = manager.get(reverse("usage_file", args=[upload.code]))
    assert (original.content, original["X-Content-Type-Options"]) == (content, "nosniff")
    assert manager.get(reverse("usage_signature", args=[upload.code])).content == away.sign(content)
    to_correct = manager.get(reverse("usage_to_correct", args=[upload.code])).content.decode()
    assert to_correct.splitlines()[1].startswith("5,bad,gpus,")


def test_a_bad_signature_names_its_field(web, away: Away):
    files = sent(away, away.table(away.row())) | {"signature": SimpleUploadedFile("x.sig", b"0" * 64)}
    page = web(away.cast.site_manager).post(NEW, files)
    assert (page.status_code, list(page.context["form"].errors)) == (422, ["signature"])
    page = web(away.cast.site_manager).post(NEW, {})
    assert set(page.context["form"].errors) == {"content", "signature"}


def test_a_table_that_is_too_large_is_told_so(web, away: Away):
    content = away.table(away.row())
    page = web(away.cast.site_manager).post(NEW, sent(away, content + b"\n" * MOST_BYTES))
    assert page.status_code == 422
    assert "larger than 2 MB" in str(page.context["form"].errors["content"])
    assert list(page.context["form"].errors) == ["content"]


def test_discarding(web, away: Away):
    upload = away.upload(away.row())
    url = reverse("usage_discard", args=[upload.code])
    assert web(away.cast.outsider).post(url).status_code == 404
    assert web(away.cast.site_manager).get(url).url == upload.get_absolute_url()
    assert UsageUpload.objects.get().state == "checked"
    assert web(away.cast.site_manager).post(url).url == upload.get_absolute_url()
    assert UsageUpload.objects.get().state == "discarded"
    assert AuditRow.objects.get(action="usage_discard").channel == "web"


def test_keys_are_registered_listed_and_revoked(web, away: Away):
    manager = web(away.cast.site_manager)
    public = new_key(away.folder / "next.pem")
    private = (away.folder / "next.pem").read_text()
    page = manager.post(KEYS, {"name": "Next", "public_key": private})
    assert (page.status_code, list(page.context["form"].errors)) == (422, ["public_key"])
    assert manager.post(KEYS, {"name": "Next", "public_key": public}).url == KEYS
    key = UsageKey.objects.get(name="Next")
    revoke = reverse("usage_key_revoke", args=[key.code])
    assert web(away.cast.outsider).get(revoke).status_code == 404
    manager = web(away.cast.site_manager)
    assert manager.post(revoke, {"reason": ""}).status_code == 422
    assert manager.post(revoke, {"reason": "Lost"}).url == KEYS
    shown = manager.get(KEYS).content.decode()
    for words in (key.fingerprint[:16], "Revoked", "Lost", "In force"):
        assert words in shown


@pytest.mark.parametrize("who", ["pi", "auditor", "council", "outsider"])
def test_nobody_else(web, away: Away, who):
    upload = away.upload(away.row())
    client = web(getattr(away.cast, who))
    for url in (USAGE, NEW, KEYS):
        assert client.get(url).status_code == 403
        assert client.post(url).status_code in {403, 405}
    for name in ("usage_upload", "usage_file", "usage_signature", "usage_to_correct"):
        assert client.get(reverse(name, args=[upload.code])).status_code == 404
    assert client.post(upload.get_absolute_url()).status_code == 404
    assert not UploadedRun.objects.exists()


def test_pages_of_a_bridged_site_say_so(web, cast):
    manager = web(cast.site_manager)
    shown = manager.get(USAGE).content.decode()
    assert "is read from Slurm" in shown
    assert NEW not in shown
    files = {name: SimpleUploadedFile(name, b"x") for name in ("content", "signature")}
    assert manager.post(NEW, files).status_code == 422


def test_people_are_told_where_jobs_are_run(web, away: Away):
    person = web(away.cast.pi)
    shown = person.get(away.allocation.get_absolute_url()).content.decode()
    assert "This site is unbridged" in shown
    assert "Submit a job" not in shown
    assert away.allocation.code not in person.get("/jobs/new/").content.decode()
    shown = web(away.cast.site_manager).get("/sites/ned/").content.decode()
    assert USAGE in shown
    assert "/sites/ned/bridge/" not in shown


@pytest.mark.parametrize("count", [3, 300])
def test_queries_dont_grow(web, away: Away, django_assert_max_num_queries, count):
    upload = away.upload(*(away.row(f"run-{n}") for n in range(count)))
    manager = web(away.cast.site_manager)
    manager.get(USAGE)
    with django_assert_max_num_queries(20):
        manager.get(upload.get_absolute_url())
    usage_accept(actor=away.cast.site_manager, upload=upload)
    for number in range(count // 10):
        UsageUpload.objects.filter(pk=upload.pk).update(sha256=str(number))
    for url in (USAGE, KEYS, NEW, upload.get_absolute_url()):
        with django_assert_max_num_queries(15):
            assert manager.get(url).status_code == 200
