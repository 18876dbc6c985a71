"""What the site's proxy lets through and what it refuses; each rule is the reason for its refusal."""

import base64
import hmac
import http.client
import json
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from scheduler_bridge.slurm_rest_client import (
    AuthRejected,
    JobSpec,
    NoAnswer,
    Refused,
    RS256Signer,
    TLSFailed,
    Token,
    Unavailable,
    tls_context,
)
from scheduler_bridge.slurm_rest_client.codecs import SUPPORTED, codec_for
from scheduler_bridge.slurm_rest_client.models import User
from tests.site.stage import FILES, OPERATOR, USERS, WORKER, Call, Site, new_key, refusal_in, run

SECOND_KEY = new_key()
PING = "/slurm/v0.0.42/ping/"
SUBMIT = "/slurm/v0.0.42/job/submit"

HEADER = "the token's header is not that of an RS256 token of the portal"
CLAIMS = "the token's claims are not exactly sun, iat and exp"
SIGNATURE = "the token was not signed with the portal's key for this site"
EXPIRED = "the token has expired; check both clocks"
TOO_LONG = "the token lives longer than this site allows"
NOT_A_TOKEN = "not a token of the portal"
TOKENS = "no token, or more than one"
NUL = "the token holds a NUL"
NAME = "X-SLURM-USER-NAME differs from the token's user"
UNMAPPED = "this user isn't mapped at this site"
UNLISTED = "this method and path are not on the list"
ROLE = "this route is not for the role of this user"
QUERY = "a query is not for POST"
BODY = "a body is for POST only"
ADDING = "users are added by name and default account only"
LARGE = "the body is larger than this site takes"
CHUNKED = "a body without Content-Length"
NOT_THE_PORTAL = "this client certificate is not the portal's"


def part(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(signer: RS256Signer, claims: str | None = None, *, header: str = "", user: str = OPERATOR) -> str:
    now = int(time.time())
    head = header or json.dumps(
        {"alg": "RS256", "kid": signer.jwk["kid"], "typ": "JWT"}, separators=(",", ":")
    )
    claims = claims or f'{{"sun":"{user}","iat":{now},"exp":{now + 60}}}'
    content = f"{part(head)}.{part(claims)}"
    return f"{content}.{part(signer._sign(content.encode()))}"


def headers(token: str, user: str = OPERATOR) -> list[tuple[str, str]]:
    return [("X-SLURM-USER-NAME", user), ("X-SLURM-USER-TOKEN", token)]


def asking(site: Site, user: str = OPERATOR, **parts: object) -> Call:
    return Call(headers=headers(site.token(user), user), **parts)


def with_token(token: str, user: str = OPERATOR) -> Call:
    return Call(headers=headers(token, user))


def claiming(site: Site, claims: str) -> Call:
    now = int(time.time())
    return with_token(signed(site.signer, claims.replace("NOW", str(now)).replace("SOON", str(now + 60))))


def by_public_key(site: Site) -> Call:
    """HS256 with the public key as its secret: what a careless verifier takes for RS256."""
    now = int(time.time())
    head = f'{{"alg":"HS256","kid":"{site.signer.jwk["kid"]}","typ":"JWT"}}'
    content = f"{part(head)}.{part(f'{{"sun":"{OPERATOR}","iat":{now},"exp":{now + 60}}}')}"
    mac = hmac.digest(site.signer.public_pem(), content.encode(), "sha256")
    return with_token(f"{content}.{part(mac)}")


def unsigned(site: Site, ending: str) -> Call:
    content = signed(site.signer, header='{"alg":"none","typ":"JWT"}').rpartition(".")[0]
    return with_token(f"{content}.{ending}")


def submitting(site: Site, size: int = 2, user: str = WORKER, path: str = SUBMIT) -> Call:
    body = b"{" + b" " * (size - 2) + b"}"
    call = asking(site, user, method="POST", path=path, body=body)
    call.headers.append(("Content-Length", str(size)))
    return call


def adding(site: Site, body: bytes, path: str = "/slurmdb/v0.0.42/users/") -> Call:
    call = asking(site, method="POST", path=path, body=body)
    call.headers.append(("Content-Length", str(len(body))))
    return call


def chunked(site: Site) -> Call:
    call = asking(site, WORKER, method="POST", path=SUBMIT, body=b"2\r\n{}\r\n0\r\n\r\n")
    call.headers.append(("Transfer-Encoding", "chunked"))
    return call


def repeated(site: Site) -> Call:
    call = asking(site)
    call.headers.append(call.headers[1])
    return call


def with_body(site: Site) -> Call:
    call = asking(site, body=b"{}")
    call.headers.append(("Content-Length", "2"))
    return call


@dataclass
class Attack:
    """A request, what the proxy says to it, and all rules that would stop it."""

    name: str
    call: object
    rules: tuple[str, ...]
    status: int = 403


def unlisted(name: str, path: str, method: str = "GET") -> Attack:
    return Attack(name, lambda site: asking(site, path=path, method=method), (UNLISTED, ROLE))


ATTACKS = [
    Attack("HS256 with the public key", by_public_key, (HEADER, SIGNATURE)),
    Attack("alg none", lambda site: unsigned(site, "AA"), (HEADER, SIGNATURE)),
    Attack("alg none, no signature", lambda site: unsigned(site, ""), (NOT_A_TOKEN, HEADER, SIGNATURE)),
    Attack("another key", lambda site: with_token(signed(RS256Signer(SECOND_KEY))), (SIGNATURE,)),
    Attack(
        "another key under our key id",
        lambda site: with_token(
            signed(
                RS256Signer(SECOND_KEY),
                header=f'{{"alg":"RS256","kid":"{site.signer.jwk["kid"]}","typ":"JWT"}}',
            )
        ),
        (SIGNATURE,),
    ),
    Attack("expired", lambda site: with_token(site.token(OPERATOR, -1)), (EXPIRED,)),
    Attack("lives for a day", lambda site: with_token(site.token(OPERATOR, 86400)), (TOO_LONG,)),
    Attack(
        "no expiry",
        lambda site: claiming(site, f'{{"sun":"{OPERATOR}","iat":NOW}}'),
        (CLAIMS, EXPIRED, TOO_LONG),
    ),
    Attack(
        "two users in one token, of whom Slurm takes the last",
        lambda site: claiming(site, f'{{"sun":"{OPERATOR}","sun":"root","iat":NOW,"exp":SOON}}'),
        (CLAIMS,),
    ),
    Attack(
        "a name in another spelling",
        lambda site: claiming(site, '{"sun":"tqport\\u0061l","iat":NOW,"exp":SOON}'),
        (CLAIMS, NAME, UNMAPPED, ROLE),
    ),
    Attack(
        "something after the claims",
        lambda site: claiming(site, f'{{"sun":"{OPERATOR}","iat":NOW,"exp":SOON}}\0{{"sun":"root"}}'),
        (NUL,),
    ),
    Attack(
        "something after the header",
        lambda site: with_token(
            signed(
                site.signer, header=f'{{"alg":"RS256","kid":"{site.signer.jwk["kid"]}","typ":"JWT"}}\0{{}}'
            )
        ),
        (NUL,),
    ),
    Attack("token twice", repeated, (TOKENS,)),
    Attack("the header names another", lambda site: with_token(site.token(OPERATOR), WORKER), (NAME,)),
    Attack("not mapped", lambda site: asking(site, "tqagency"), (UNMAPPED, ROLE)),
    Attack("root", lambda site: asking(site, "root"), (UNMAPPED,)),
    Attack("slurm", lambda site: submitting(site, user="slurm"), (UNMAPPED,)),
    Attack("a job's user reads", lambda site: asking(site, WORKER), (ROLE,)),
    Attack("the operator submits", lambda site: submitting(site, user=OPERATOR), (ROLE,)),
    unlisted("a route that the portal has no need of", "/slurm/v0.0.42/reconfigure"),
    unlisted("a description", "/openapi/v3"),
    unlisted("another version", "/slurm/v0.0.39/ping"),
    unlisted("a method", PING, "PUT"),
    unlisted("cancelling all", "/slurm/v0.0.42/jobs/", "DELETE"),
    unlisted("deleting an account", "/slurmdb/v0.0.42/account/tqx", "DELETE"),
    unlisted("a letter encoded", "/slurm/v0.0.42/%70ing/"),
    unlisted("encoded dots", "/slurmdb/v0.0.42/account/%2e%2e/config"),
    unlisted("dots", "/slurm/v0.0.42/job/../reconfigure"),
    unlisted("dots as a name", "/slurmdb/v0.0.42/account/.."),
    unlisted("an encoded slash", "/slurmdb/v0.0.42/account/a%2fb"),
    unlisted("an encoded end", "/slurm/v0.0.42/job/1%00"),
    unlisted("two slashes", "//slurm/v0.0.42/ping/"),
    unlisted("two slashes within", "/slurm//v0.0.42/ping/"),
    unlisted("no slash at the end", "/slurm/v0.0.42/ping"),
    unlisted("one slash more at the end", "/slurm/v0.0.42/job/7/"),
    unlisted("capitals", "/SLURM/v0.0.42/ping/"),
    unlisted("dots that match anything", "/slurm/v0x0x42/ping/"),
    Attack(
        "making an administrator",
        lambda site: adding(site, b'{"users":[{"name":"tqx","administrator_level":["Administrator"]}]}'),
        (ADDING,),
    ),
    Attack(
        "making an administrator in another spelling",
        lambda site: adding(site, b'{"users":[{"name":"tqx","\\u0061dministrator_level":"Operator"}]}'),
        (ADDING,),
    ),
    Attack("users and a NUL", lambda site: adding(site, b'{"users":[{"name":"tqx"}]}\0{}'), (ADDING,)),
    Attack(
        "users beyond what the proxy looks at",
        lambda site: adding(site, b'{"users":[{"name":"' + b"x" * 20000 + b'"}]}'),
        (ADDING,),
    ),
    Attack("a query with a write", lambda site: submitting(site, path=f"{SUBMIT}?a=b"), (QUERY,)),
    Attack("a body with a read", with_body, (BODY,)),
    Attack("a large body", lambda site: submitting(site, 1_048_577), (LARGE,), 413),
    Attack("a body of unsaid size", chunked, (CHUNKED,), 413),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_refused_and_only_for_its_reason(attack, site, proxy, behind):
    status, text = proxy.ask(attack.call(site))
    assert (status, refusal_in(text)) == (attack.status, attack.rules[0])
    assert behind.calls == []
    with site.proxy(behind.address, without=tuple(dict.fromkeys(attack.rules))) as careless:
        status, text = careless.ask(attack.call(site))
    assert status == 200, f"something else than {attack.rules} refuses it: {text}"
    assert len(behind.calls) == 1


def test_without_a_token(proxy, behind):
    for given in ([], [("X-SLURM-USER-NAME", "root")], [("Authorization", "Bearer x")], headers("")):
        status, text = proxy.ask(Call(headers=given))
        assert (status, behind.calls) == (403, [])
        assert refusal_in(text) in {TOKENS, NOT_A_TOKEN}


def test_everything_that_slurm_need_not_see_is_taken_off(site, proxy, behind):
    token = site.token(OPERATOR)
    call = asking(site)
    call.headers = [
        ("x-slurm-user-name", OPERATOR),
        ("x-slurm-user-token", token),
        ("Authorization", "Bearer other"),
        ("X-SLURM-USER-ID", "0"),
        ("Cookie", "a=b"),
        ("Upgrade", "h2c"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Accept", "application/json"),
    ]
    assert proxy.ask(call)[0] == 200
    seen = dict(behind.calls[0].headers)
    seen.pop("connection", None)
    assert seen == {
        "host": "slurmrestd",
        "accept": "application/json",
        "x-slurm-user-name": OPERATOR,
        "x-slurm-user-token": token,
    }


def test_bodies_and_queries_arrive_as_they_were_sent(site, proxy, behind):
    assert proxy.ask(submitting(site, 500_000))[0] == 200
    assert len(behind.calls[0].body) == 500_000
    query = "/slurmdb/v0.0.42/jobs/?cluster=ned&start_time=1&job_name=tq-a%20b"
    assert proxy.ask(asking(site, path=query))[0] == 200
    assert behind.calls[1].path == query


@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("account", ["", "tqa1g1"])
def test_users_are_added_as_the_portal_adds_them(site, proxy, behind, version, account):
    request = codec_for(version).write_user(User(name="tqx", default_account=account, admin_level="None"))
    assert proxy.ask(adding(site, request.body, request.path))[0] == 200
    assert behind.calls[0].body == request.body


def test_the_log_names_caller_user_and_refusal_and_never_a_token(site, proxy, behind):
    call = asking(site, path=f"{PING}?secret=canary")
    proxy.ask(call)
    forged = asking(site, "tqagency", path="/slurm/v0.0.42/diag/")
    proxy.ask(forged)
    deadline = time.monotonic() + 10
    while "diag" not in (log := proxy.log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert f'"taqseem-portal" user={OPERATOR} 200' in log
    assert UNMAPPED in log
    assert "canary" not in log
    for _, value in call.headers[1:] + forged.headers[1:]:
        assert not any(piece in log for piece in value.split("."))


# --- who calls ---


def test_the_portal_alone_is_let_in(site, proxy, behind, authority, other_authority):
    ours = Token(OPERATOR, site.token(OPERATOR), int(time.time()) + 60)
    with proxy.slurm() as slurm:
        assert slurm.ping(ours).up
    behind.calls.clear()
    strangers: dict[str, Path | None] = {
        "got none": None,
        "refused the portal's certificate": other_authority.portal(),
    }
    for cause, client in strangers.items():
        with (
            proxy.slurm(tls=tls_context(ca=authority.ca, client=client)) as slurm,
            pytest.raises(TLSFailed) as caught,
        ):
            slurm.ping(ours)
        assert cause in caught.value.cause
        assert not caught.value.maybe_done
    assert behind.calls == []


def test_another_name_under_the_same_authority_is_not_the_portal(site, proxy, behind, authority):
    former = authority.portal("taqseem-portal-2025")
    status, text = proxy.ask(asking(site), client=former)
    assert (status, refusal_in(text)) == (403, NOT_THE_PORTAL)
    with site.proxy(behind.address, without=(NOT_THE_PORTAL,)) as careless:
        assert careless.ask(asking(site), client=former)[0] == 200


def test_requiring_a_certificate_is_what_keeps_strangers_out(site, behind, authority):
    with (
        site.proxy(
            behind.address, without=(NOT_THE_PORTAL,), replace={"verify required": "verify none"}
        ) as careless,
        careless.slurm(tls=tls_context(ca=authority.ca)) as slurm,
    ):
        assert slurm.ping(Token(OPERATOR, site.token(OPERATOR), int(time.time()) + 60)).up


def test_old_tls_is_refused(proxy):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", proxy.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)


# --- how much ---


def test_too_many_requests_are_put_off(site, behind):
    with site.proxy(behind.address, TAQSEEM_REQUESTS_PER_10S="3") as strict:
        statuses = [strict.ask(asking(site))[0] for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        token = Token(OPERATOR, site.token(OPERATOR), int(time.time()) + 60)
        with strict.slurm() as slurm, pytest.raises(Unavailable) as caught:
            slurm.ping(token)
    assert not caught.value.maybe_done
    assert "too many requests" in caught.value.reason


# --- what the portal makes of it ---


def test_the_portal_reads_the_proxys_reasons(site, proxy):
    """What is about one user refuses that job alone; what is about the portal's key keeps all waiting."""
    spec = JobSpec(
        name="tq", account="a", partition="gpu", cwd="/", script="#!/bin/sh\n", time_limit_minutes=1
    )
    with proxy.slurm() as slurm:
        with pytest.raises(Refused, match=UNMAPPED) as caught:
            slurm.submit(Token("tqagency", site.token("tqagency"), 1), spec)
        assert not caught.value.maybe_done
        assert "not allowed" in caught.value.cause
        with pytest.raises(AuthRejected, match=SIGNATURE) as rejected:
            slurm.submit(Token(WORKER, signed(RS256Signer(SECOND_KEY), user=WORKER), 1), spec)
        assert not rejected.value.maybe_done


def test_slurmrestd_down_is_nothing_done_and_slurmrestd_hanging_up_is_not(site, proxy, behind):
    token = Token(OPERATOR, site.token(OPERATOR), 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    with site.proxy(nobody) as lonely, lonely.slurm() as slurm, pytest.raises(Unavailable) as caught:
        slurm.ping(token)
    assert not caught.value.maybe_done
    behind.hangs_up = True
    with proxy.slurm() as slurm, pytest.raises(NoAnswer) as unclear:
        slurm.ping(token)
    assert unclear.value.maybe_done
    assert len(behind.calls) == 1, "nothing is sent twice"


# --- changing the key ---


def test_two_keys_are_valid_while_they_are_changed(make_site, site, behind):
    following = RS256Signer(SECOND_KEY)
    changing = make_site(new_key())
    (changing.folder / "next.pem").write_bytes(following.public_pem())
    with changing.proxy(behind.address) as proxy:
        assert proxy.ask(asking(changing))[0] == 200
        assert proxy.ask(with_token(signed(following)))[0] == 200
        status, text = proxy.ask(asking(site))
    assert (status, refusal_in(text)) == (403, SIGNATURE)


# --- installing ---


def test_installing_again_keeps_what_the_site_wrote(site):
    users = site.folder / "users.map"
    before = users.read_text()
    (site.folder / "haproxy.cfg").write_text("of an earlier release")
    assert "Ready" in run(FILES / "install.sh", site.folder)
    assert users.read_text() == before
    assert len(before.splitlines()) == len(USERS)
    assert (site.folder / "haproxy.cfg").read_bytes() == (FILES / "haproxy.cfg").read_bytes()


def test_installing_tells_of_two_valid_keys(make_site):
    changing = make_site(new_key())
    assert "Two keys" not in run(FILES / "install.sh", changing.folder)
    (changing.folder / "next.pem").write_bytes(RS256Signer(SECOND_KEY).public_pem())
    assert "Two keys" in run(FILES / "install.sh", changing.folder)


def test_installing_says_what_is_missing(tmp_path):
    done = subprocess.run([FILES / "install.sh", tmp_path / "new"], capture_output=True, text=True)
    assert done.returncode == 1
    assert all(name in done.stdout for name in ("ca.pem", "server.pem", "current.pem"))


def test_absolute_and_odd_requests(site, proxy, behind):
    """What is no plain request at all is answered by nobody but the proxy."""
    for path in ("*", "http://elsewhere/slurm/v0.0.42/reconfigure"):
        assert proxy.ask(asking(site, path=path, method="OPTIONS"))[0] == 403
    connection = http.client.HTTPSConnection("localhost", proxy.port, context=site.tls(), timeout=10)
    connection.request("GET", PING, headers=dict(headers(site.token(OPERATOR))) | {"Bad Name": "x"})
    assert connection.getresponse().status == 400
    connection.close()
    assert behind.calls == []
