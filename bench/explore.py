"""Explore: from a submitted request, and from signing up, to an active allocation and a running job.

On the sandbox at true speed, or with SLURM=lab on the real clusters of `make lab-up`. Everything is asked of
the portal over HTTP, as people's own programs and browsers would.
"""

import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx

from bench.figures import Figure
from bench.nation import Worker, sandbox_sites, seed
from bench.server import beat, web
from bench.stage import database, queue, scratch_directory

TIMES = 20
PATIENCE_SECONDS = 180
GPU_HOURS = 10
SITES = ("data-vault", "astrolabe-ned", "astrolabe-uet", "higgs")
SCRIPT = "#!/bin/bash\nsleep 60\n"
CODE = re.compile(r"^[A-Z]{4}-[A-Z]{4}\s*$", re.MULTILINE)
PASSWORD = "lamp-river-quartz-9"
EVIDENCE = b"%PDF-1.4\n% ILLUSTRATIVE\n"


def measure() -> Iterator[Figure]:
    with ExitStack() as stage:
        scratch = stage.enter_context(scratch_directory())
        os.environ["TAQSEEM_RUN_DIR"] = str(scratch / "run")
        on_lab = os.environ.get("SLURM") == "lab"
        if on_lab:
            from deploy.lab.state import run_directory

            os.environ["TAQSEEM_LAB_STATE"] = str(run_directory() / "lab.json")
        print(f"On {'the real clusters' if on_lab else 'the sandbox'}.", file=sys.stderr)
        stage.enter_context(queue())
        stage.enter_context(database())
        if not on_lab:
            stage.enter_context(sandbox_sites())
        seed()
        address = stage.enter_context(web(scratch))
        stage.enter_context(Worker())
        stage.enter_context(beat(scratch))
        yield from from_submission(address)
        if on_lab:
            print("From signing up: on the sandbox only, a real site gives a login first.", file=sys.stderr)
        else:
            yield from from_signing_up(address, scratch / "run" / "mail")


def from_submission(address: str) -> Iterator[Figure]:
    """The worst of twenty, one after the other, by a verified person of a verified organisation."""
    startup = client(address, token_of("startup"))
    project = get(startup, "/projects/")["results"][0]["code"]
    active, running = [], []
    for turn in range(TIMES):
        begun, until_active, until_running = ask_and_run(startup, project, SITES[turn % len(SITES)])
        active.append(until_active - begun)
        running.append(until_running - begun)
    yield Figure("explore_submit_to_active_s", max(active), "s")
    yield Figure("explore_submit_to_running_s", max(running), "s")


def from_signing_up(address: str, mails: Path) -> Iterator[Figure]:
    """By somebody whose organisation nobody has verified; the verifier is the second person."""
    begun = time.perf_counter()
    newcomer = sign_up(address, mails)
    organisation = post(
        newcomer,
        "/organisations/",
        name=f"Chenab Robotics {secrets.token_hex(3)}",
        kind="startup",
        province="punjab",
    )["code"]
    asked = newcomer.post(
        f"/api/v1/organisations/{organisation}/verifications/",
        data={"identifier_kind": "cuin", "identifier": str(1_000_000 + secrets.randbelow(8_999_999))},
        files={"evidence": ("certificate.pdf", EVIDENCE, "application/pdf")},
    )
    checked(asked)
    steps = verify(client(address, token_of("admin")), asked.json()["code"])
    project = post(
        newcomer,
        "/projects/",
        organisation=organisation,
        title="Orchard pests",
        abstract="ILLUSTRATIVE. Finds pests on pictures of leaves.",
        sector="agriculture",
        data_class="open",
    )["code"]
    _submitted, _active, until_running = ask_and_run(newcomer, project, SITES[0])
    yield Figure("explore_signup_to_running_s", until_running - begun, "s")
    yield Figure("explore_second_person_steps", steps, "")


def ask_and_run(who: httpx.Client, project: str, site: str) -> tuple[float, float, float]:
    """The moments at which the request was submitted, its allocation active, and a job of it running."""
    resource = get(who, f"/resources/?site={site}")["results"][0]["code"]
    draft = post(
        who,
        "/requests/",
        project=project,
        resource=resource,
        gpu_hours=GPU_HOURS,
        runs=[{"model": "A small model", "gpus": 1, "hours": GPU_HOURS}],
        starts_on=in_days(0),
        ends_on=in_days(30),
        justification="ILLUSTRATIVE. One run of a small model, four times.",
        ai_risk="limited",
    )["code"]
    begun = time.perf_counter()
    decided = post(who, f"/requests/{draft}/submit/", consent=True)
    if decided["state"] != "approved":
        raise SystemExit(f"The rule didn't decide {draft}: {decided['state']}")
    allocation = allocation_of(who, project)
    until("active", lambda: get(who, f"/allocations/{allocation}/")["state"])
    active = time.perf_counter()
    job = post(
        who, "/jobs/", allocation=allocation, title="First run", script=SCRIPT, gpus=1, wall_minutes=5
    )["code"]
    until("running", lambda: get(who, f"/jobs/{job}/")["state"])
    return begun, active, time.perf_counter()


def in_days(days: int) -> str:
    from portal.foundation import clock

    return (clock.today() + timedelta(days=days)).isoformat()


def allocation_of(who: httpx.Client, project: str) -> str:
    """The latest of the project's."""
    return str(get(who, f"/allocations/?project={project}&ordering=-created_at")["results"][0]["code"])


def until(state: str, look: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) != state:
        if time.monotonic() > deadline or found in {"refused", "failed", "completed"}:
            raise SystemExit(f"{found} instead of {state}")
        time.sleep(0.1)


def verify(verifier: httpx.Client, claim: str) -> int:
    """What the second person does: open the queue, read the claim and its evidence, accept. Counts steps."""
    get(verifier, "/verifications/")
    get(verifier, f"/verifications/{claim}/")
    checked(verifier.get(f"/api/v1/verifications/{claim}/evidence/"))
    post(verifier, f"/verifications/{claim}/decide/", decision="accept", expires_on=in_days(365))
    return 4


def sign_up(address: str, mails: Path) -> httpx.Client:
    """A browser of somebody new, signed in after typing the code in their mail."""
    who = f"{secrets.token_hex(4)}@example.pk"
    browser = httpx.Client(base_url=address, follow_redirects=True, timeout=30)
    submit(
        browser,
        "/sign-in/signup/",
        email=who,
        name="Hira Malik",
        language="en",
        password1=PASSWORD,
        password2=PASSWORD,
        terms="on",
    )
    submit(browser, "/sign-in/confirm-email/", code=code_in_mail(mails, who))
    browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
    return browser


def submit(browser: httpx.Client, path: str, **fields: str) -> None:
    """Open a form and send it."""
    checked(browser.get(path))
    checked(browser.post(path, data={**fields, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}))


def code_in_mail(mails: Path, who: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for file in mails.glob("*"):
            mail = message_from_bytes(file.read_bytes())
            text = (mail.get_payload(decode=True) or b"").decode()
            if who in str(mail["To"]) and (found := CODE.search(text)):
                return found[0].strip()
        time.sleep(0.1)
    raise SystemExit(f"No mail came for {who}")


def token_of(login: str) -> str:
    from portal.people import demo
    from portal.people.management.commands.demo_token import issue

    return issue(demo.user(login))


def client(address: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=address, headers={"Authorization": f"Token {token}"}, timeout=30)


def get(who: httpx.Client, path: str) -> Any:
    return checked(who.get(f"/api/v1{path}")).json()


def post(who: httpx.Client, path: str, **body: Any) -> Any:
    return checked(who.post(f"/api/v1{path}", json=body)).json()


def checked(response: httpx.Response) -> httpx.Response:
    if response.status_code >= 400:
        raise SystemExit(f"{response.url}: {response.status_code} {response.text[:2000]}")
    return response
