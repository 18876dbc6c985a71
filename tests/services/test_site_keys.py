"""The portal's own key for a site: made once, changed without a gap, and never shown."""

import os
import shutil
import stat
from io import StringIO

import certifi
import jwt
import pytest
from django.core.management import CommandError, call_command

from portal.foundation.models import AuditRow
from scheduler_bridge.sites import keys
from scheduler_bridge.sites.clients import client_for, key_path, signer_for
from scheduler_bridge.slurm_rest_client import HS256Signer, RS256Signer, TLSFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def cluster(cast, settings, tmp_path):
    settings.KEYS_DIR = tmp_path / "keys"
    cast.cluster.signer = "ned.pem"
    cast.cluster.save()
    return cast.cluster


def make(cluster, *options: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("site_key_make", cluster.code, *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_site_gets_the_public_half_and_nothing_else(cluster, tmp_path):
    out, err = make(cluster)
    private = tmp_path / "keys" / "ned.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert "# jwks.json" in out
    assert "BEGIN PUBLIC KEY" in out
    assert "PRIVATE" not in out + err
    assert AuditRow.objects.filter(action="site_key_make", object_code=cluster.code).count() == 1
    token = signer_for(cluster).mint("tqportal", 4_000_000_000).value
    public = keys.site_keys(cluster).for_the_site["current.pem"]
    assert jwt.decode(token, public, ["RS256"])["sun"] == "tqportal"


def test_making_it_again_shows_the_same_key(cluster):
    assert make(cluster) == make(cluster)
    assert AuditRow.objects.filter(action="site_key_make").count() == 1


def test_changing_the_key_without_a_gap(cluster):
    make(cluster)
    first = signer_for(cluster)
    assert isinstance(first, RS256Signer)
    out, _ = make(cluster, "--next")
    assert out.count('"kid"') == 2
    assert "# next.pem" in out
    assert signer_for(cluster).jwk["kid"] == first.jwk["kid"], "it signs only once the site knows it"
    following = keys.site_keys(cluster).following
    out, _ = make(cluster, "--switch")
    assert signer_for(cluster).jwk["kid"] == following.jwk["kid"] != first.jwk["kid"]
    assert out.count('"kid"') == 1
    assert following.jwk["kid"] in out
    with pytest.raises(CommandError, match="no key to change to"):
        make(cluster, "--switch")


def test_unwelcome_calls_say_what_to_do(cluster, tmp_path):
    with pytest.raises(CommandError, match=r"There is no cluster nowhere. The clusters are: "):
        call_command("site_key_make", "nowhere")
    with pytest.raises(CommandError, match="no key for"):
        make(cluster, "--next")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ned.pem").write_text("canary")
    with pytest.raises(CommandError, match=r"ned\.pem: The key is not") as caught:
        make(cluster)
    assert "canary" not in str(caught.value)
    with pytest.raises(OSError, match="not a private key"):
        signer_for(cluster)


def test_the_files_name_says_how_it_signs(cluster, tmp_path):
    """What Slurm's manual makes for HS256 is a PEM file as well: the content can't tell."""
    make(cluster)
    (tmp_path / "keys" / "ned.key").write_bytes((tmp_path / "keys" / "ned.pem").read_bytes())
    assert isinstance(signer_for(cluster), RS256Signer)
    cluster.signer = "ned.key"
    cluster.save()
    assert isinstance(signer_for(cluster), HS256Signer)
    assert "set the cluster's signing key to ned.pem" in make(cluster)[1]


def test_certificates_beside_the_key_are_used_and_renewed(cluster, tmp_path):
    make(cluster)
    cluster.url = "https://site.example:8443"
    without = client_for(cluster)
    assert client_for(cluster) is without
    authority = key_path(cluster, ".ca.pem")
    assert authority == tmp_path / "keys" / "ned.ca.pem"
    authority.write_text("nothing")
    with pytest.raises(TLSFailed, match=r"ned\.ca\.pem") as caught:
        client_for(cluster)
    assert not caught.value.maybe_done
    shutil.copy(certifi.where(), authority)
    trusting = client_for(cluster)
    assert trusting is not without
    assert client_for(cluster) is trusting
    os.utime(authority, (1, 1))
    assert client_for(cluster) is not trusting, "a renewed certificate is taken up"
