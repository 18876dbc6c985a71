"""The whole way: the portal's client, mutual TLS, the proxy, and real Slurm with a JWKS file."""

import os
import time
from pathlib import Path

import pytest

from deploy.lab.state import LabCluster
from scheduler_bridge.slurm_rest_client import (
    AssociationLimits,
    JobSpec,
    Refused,
    RS256Signer,
    SlurmClient,
    SlurmError,
    Token,
)
from tests.site.stage import OPERATOR, WORKER, Proxy, new_key
from tests.site.test_proxy import SECOND_KEY, by_public_key, claiming, signed, unsigned

pytestmark = pytest.mark.lab
ACCOUNT = "tqsiteproxy"
VERSIONS = {"24.11": "v0.0.42", "22.05": "v0.0.38"}


@pytest.fixture(scope="module", params=VERSIONS)
def cluster(lab, request) -> LabCluster:
    """A cluster of this release."""
    for found in lab.clusters.values():
        if found.release == request.param and found.rs256_key:
            return found
    reason = "this lab was started before its clusters had RS256 keys: make lab-down, make lab-up"
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def through(cluster, make_site):
    """The proxy before the real slurmrestd."""
    site = make_site(Path(cluster.rs256_key).read_bytes())
    with site.proxy(cluster.rest_url.removeprefix("http://")) as running:
        yield running


def minted(proxy: Proxy, user: str) -> Token:
    return proxy.site.signer.mint(user, int(time.time()) + 60)


def test_accounts_jobs_and_cancelling_all_the_way_through(cluster, through):
    operator = minted(through, OPERATOR)
    with through.slurm(VERSIONS[cluster.release]) as slurm:
        assert slurm.ping(operator).up
        assert "gres/gpu" in slurm.tres(operator).items
        slurm.upsert_account(operator, ACCOUNT)
        limits = AssociationLimits(group_tres_minutes={"gres/gpu": 600})
        if slurm.association(operator, cluster.name, ACCOUNT) is None:
            slurm.upsert_association(operator, cluster.name, ACCOUNT, limits)
        assert slurm.association(operator, cluster.name, ACCOUNT).limits == limits
        slurm.upsert_user(operator, WORKER)
        slurm.upsert_association(operator, cluster.name, ACCOUNT, AssociationLimits(), user=WORKER)
        spec = JobSpec(
            name=f"tq-proxy-{time.time_ns()}",
            account=ACCOUNT,
            partition=cluster.partition,
            cwd=f"/home/{WORKER}",
            script="#!/bin/sh\nid\n",
            environment={"PATH": "/usr/bin:/bin"},
            time_limit_minutes=1,
            gpus=1,
            hold=True,
        )
        job_id = slurm.submit(minted(through, WORKER), spec).job_id
        [mine] = [job for job in slurm.list_jobs(operator) if job.job_id == job_id]
        assert (mine.name, mine.user) == (spec.name, WORKER)
        slurm.cancel(operator, job_id)
        assert slurm.get_job(operator, job_id).state.is_terminal
        for user in (WORKER, "root"):
            with pytest.raises(Refused):
                slurm.list_jobs(minted(through, user))


def test_what_slurm_itself_thinks_of_forged_tokens(cluster, through):
    """The same tokens without the proxy: the signature and the expiry are Slurm's to judge as well."""
    site, version = through.site, VERSIONS[cluster.release]
    other = RS256Signer(new_key())
    unknown_kid = '{"alg":"RS256","kid":"' + "A" * 43 + '","typ":"JWT"}'
    forged = {
        "HS256 with the public key": by_public_key(site),
        "alg none": unsigned(site, "AA"),
        "alg none, no signature": unsigned(site, ""),
        "no expiry": claiming(site, f'{{"sun":"{OPERATOR}","iat":NOW}}'),
    }
    tokens = {name: dict(call.headers)["X-SLURM-USER-TOKEN"] for name, call in forged.items()}
    tokens |= {
        "another key": signed(other),
        "another key under our key id": signed(RS256Signer(SECOND_KEY), header=_header(site.signer)),
        "unknown key id": signed(site.signer, header=unknown_kid),
        "expired": site.token(OPERATOR, -5),
    }
    with SlurmClient(cluster.rest_url, api_version=version) as slurm:
        assert slurm.partitions(Token(OPERATOR, site.token(OPERATOR), 0)).items
        for name, token in tokens.items():
            try:
                slurm.partitions(Token(OPERATOR, token, 0))
            except SlurmError:
                continue
            pytest.fail(f"Slurm took the token: {name}")


def _header(signer: RS256Signer) -> str:
    return f'{{"alg":"RS256","kid":"{signer.jwk["kid"]}","typ":"JWT"}}'


def test_the_map_is_what_keeps_the_portals_key_from_being_root(cluster, through):
    """Slurm believes the portal's key whomever it names; the proxy alone knows whom it may name."""
    version = VERSIONS[cluster.release]
    for user in ("root", "slurm", "tqagency"):
        token = minted(through, user)
        with through.slurm(version) as slurm, pytest.raises(Refused, match="isn't mapped"):
            slurm.list_jobs(token)
        with SlurmClient(cluster.rest_url, api_version=version) as slurm:
            assert slurm.partitions(token).items


def test_of_two_users_in_one_token_slurm_takes_the_last(cluster, through):
    """Why the proxy wants the claims in one exact form: read by itself it would have taken the first."""
    site = through.site
    call = claiming(site, f'{{"sun":"{WORKER}","sun":"tqagency","iat":NOW,"exp":SOON}}')
    token = dict(call.headers)["X-SLURM-USER-TOKEN"]
    spec = JobSpec(
        name="tq", account="no-such-account", partition="gpu", cwd="/", script="#!/bin/sh\n",
        environment={"PATH": "/bin"}, time_limit_minutes=1,
    )  # fmt: skip
    answers = {}
    with SlurmClient(cluster.rest_url, api_version=VERSIONS[cluster.release]) as slurm:
        for user in (WORKER, "tqagency"):
            with pytest.raises(SlurmError) as caught:
                slurm.submit(Token(user, token, 0), spec)
            answers[user] = caught.value.code
    # Being somebody else than the header says is refused; the account is looked at only afterwards.
    assert answers[WORKER] != 2045
    assert answers["tqagency"] == 2045
