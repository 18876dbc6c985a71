"""Every address that names a thing, asked by somebody who may not see it: generated from the URL map.

A new route can't escape: one whose kind of thing this file doesn't know makes the test fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from allocations.awards.models import Award
from allocations.awards.quotas.models import Quota
from allocations.awards.services.letters import letter_issue
from allocations.lifecycle.models import (
    AllocationReport,
    Appeal,
    ChangeRequest,
    ReclaimCase,
    ReclaimRule,
    ReclaimRuleVersion,
)
from allocations.programme.models import AllocationRequest, Attachment, RequestLine, Rubric
from allocations.programme.services import call_document_add
from datacenters.models import Outage
from portal.foundation import clock
from portal.people import terms
from portal.people.models import (
    Deputy,
    OrganisationEndorsement,
    OwnershipRequest,
    Programme,
    RecognisedInstitution,
    Verification,
)
from scheduler_bridge.models import SiteLogin, UsageKey, UsageUpload
from tests.bridge_stage import Stage
from tests.calling import open_call
from tests.reviewing import invited

# Not ours: libraries' own pages, which act on the signed-in person or on a secret in the address.
LIBRARIES = ("admin/", "sign-in/")
# Whoever knows the secret in the address may open it: tests/web/test_joining_pages.py.
SECRETS = ("join/",)
# National facilities: anybody may look at them; what changes them is for those who run them.
PUBLIC = {
    "letter",
    "api_letter",
    "site",
    "resource",
    "site_outages",
    "institution",
    "terms_version",
    "api_site-detail",
    "api_resource-detail",
    "api_outage-detail",
    "api_institution-detail",
    "api_terms-detail",
    "track",
    "rubric",
    "call",
    "call_document",
    "api_track-detail",
    "api_track-versions",
    "api_rubric-detail",
    "api_call-detail",
    "api_call-document",
}
# Rules of the programme: everybody who is signed in reads them, few change them.
SHARED = {
    "quota",
    "programme",
    "resource_shares",
    "api_quota-detail",
    "api_quota-history",
    "api_programme-detail",
}
MANAGED = ("sites", "resources", "outages", "institutions", "tracks", "calls", "quotas", "programmes")
# Kinds with buttons: their addresses, when followed, lead back to a page that is public.
BUTTONS = ("sites", "calls")
METHODS = ("get", "post", "patch", "put", "delete")


@dataclass(frozen=True)
class Route:
    name: str
    path: str
    kwargs: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        return self.path.startswith("api/")

    @property
    def kind(self) -> str:
        """The first word of the path: what kind of thing its `code` names."""
        return self.path.removeprefix("api/v1/").lstrip("^").split("/")[0]


def routes() -> list[Route]:
    return sorted(
        {
            Route(pattern.name, path, tuple(sorted(pattern.pattern.regex.groupindex)))
            for path, pattern in walk(get_resolver().url_patterns)
            if pattern.pattern.regex.groupindex
            and "format" not in pattern.pattern.regex.groupindex
            and not path.startswith((*LIBRARIES, *SECRETS))
        },
        key=lambda route: route.path,
    )


def walk(patterns, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, path)
        else:
            yield path, pattern


@pytest.fixture
def things(stage: Stage) -> dict[str, dict[str, str]]:
    """By kind: what its routes' arguments may name. All of it belongs to the PI's organisation."""
    cast = stage.cast
    request = AllocationRequest.objects.create(
        project=cast.project,
        requested_by=cast.pi,
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=30),
        state="submitted",
        submitted_at=clock.now(),
    )
    RequestLine.objects.create(request=request, resource=cast.resource, gpu_seconds=3600)
    attachment = Attachment.objects.create(
        request=request,
        title="Plan",
        file=ContentFile(b"%PDF-1.4", name="plan.pdf"),
        size=8,
        sha256="",
        uploaded_by=cast.pi,
    )
    verification = Verification.objects.create(
        organisation=cast.organisation,
        identifier_kind="hec",
        identifier="NED",
        submitted_by=cast.pi,
        evidence=ContentFile(b"%PDF-1.4", name="evidence.pdf"),
    )
    institution = RecognisedInstitution.objects.create(
        name="NED University", domains=["neduet.edu.pk"], province="sindh", source="HEC"
    )
    deputy = Deputy.objects.create(
        person=cast.council, deputy=cast.admin, starts_on=clock.today(), ends_on=clock.today(), reason="Leave"
    )
    job = stage.submit()
    login = SiteLogin.objects.get(user=cast.pi)
    key = UsageKey.objects.create(
        site=cast.site, name="K", public_key="K", fingerprint="K", registered_by=cast.admin
    )
    upload = UsageUpload.objects.create(
        site=cast.site, key=key, uploaded_by=cast.admin, content=b"", signature=b"", rows=0, state="discarded"
    )
    quota = Quota.objects.create(
        series="qse-1",
        kind="cap",
        dimension="class",
        value="academic",
        percent=5,
        from_quarter="2026Q4",
        reason="R",
    )
    programme = Programme.objects.create(kind="fund", name_en="Fund")
    endorsement = OrganisationEndorsement.objects.create(
        programme=programme, organisation=cast.organisation, endorsed_by=cast.admin
    )
    outage = Outage.objects.create(
        site=cast.site,
        kind="planned",
        cause="power",
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=1),
        announced_at=clock.now(),
        recorded_by=cast.site_manager,
    )
    award = Award.objects.create(
        allocation=stage.allocation,
        gpu_seconds=3600,
        starts_on=stage.allocation.starts_on,
        ends_on=stage.allocation.ends_on,
        decided_by=cast.council,
    )
    call = open_call(cast)
    document = call_document_add(
        actor=cast.admin, call=call, title="T", upload=ContentFile(b"%PDF-1.4", name="call.pdf")
    )
    letter = letter_issue(actor=cast.pi, award=award)
    change = ChangeRequest.objects.create(
        allocation=stage.allocation,
        kind="supplement",
        gpu_seconds=3600,
        reason="R",
        persons=1,
        requested_by=cast.pi,
    )
    report = AllocationReport.objects.create(allocation=stage.allocation, kind="final", due_on=clock.today())
    appeal = Appeal.objects.create(request=request, round=1, grounds="G", persons=1, filed_by=cast.pi)
    rule = ReclaimRule.objects.create(name_en="Half", name_ur="نصف")
    version = ReclaimRuleVersion.objects.create(
        rule=rule,
        number=1,
        check_percent=50,
        used_below_percent=20,
        take_percent=50,
        first_warning_days=14,
        second_warning_days=7,
        note="So",
    )
    case = ReclaimCase.objects.create(
        allocation=stage.allocation, rule=rule, version=version, due_at=clock.now()
    )
    asked = OwnershipRequest.objects.create(organisation=cast.organisation, user=cast.member, reason="R")
    return {
        "ownership": {"code": asked.code},
        "reclaim": {"code": case.code},
        "reclaim-rules": {"code": rule.code},
        "projects": {
            "code": cast.project.code,
            "user": cast.member.code,
            "invitation": "piv-0000000000",
            "link": "pjl-0000000000",
            "answer": "accept",
            "verb": "close",
        },
        "project-invitations": {"code": "piv-0000000000"},
        "project-links": {"code": "pjl-0000000000"},
        "reviews": {"code": invited(cast)[0].code, "attachment": "att-0000000000"},
        "tracks": {"code": "large"},
        "rubrics": {"code": Rubric.objects.earliest("id").code},
        "calls": {"code": call.code, "document": document.code},
        "requests": {
            "code": request.code,
            "attachment": attachment.code,
            "site": cast.site.code,
            "entry": "wai-0000000000",
        },
        "changes": {"code": change.code},
        "allocation-reports": {"code": report.code},
        "appeals": {"code": appeal.code},
        "allocations": {"code": stage.allocation.code},
        "awards": {"code": award.code},
        "letters": {"code": letter.code},
        "jobs": {"code": job.code},
        "organisations": {"code": cast.organisation.code, "member": cast.member.code},
        "verifications": {"code": verification.code},
        "invitations": {"code": "inv-0000000000"},
        "tokens": {"code": "tok-0000000000"},
        "notices": {"code": "ntc-0000000000"},
        "people": {"code": cast.pi.code, "role": "admin", "scope": "1"},
        "deputies": {"code": deputy.code},
        "institutions": {"code": institution.code},
        "terms": {"code": terms.seed().code},
        "sites": {
            "code": cast.site.code,
            "user": cast.pi.code,
            "role": "manager",
            "data_class": "restricted",
            "preflight": "pfl-0000000000",
            "outage": outage.code,
        },
        "resources": {"code": cast.resource.code},
        "outages": {"code": outage.code},
        "quotas": {"code": quota.code},
        "programmes": {"code": programme.code, "endorsement": endorsement.code},
        "clusters": {"code": cast.cluster.code},
        "site-logins": {"code": login.code},
        "usage-keys": {"code": key.code},
        "usage-uploads": {"code": upload.code},
    }


def address(route: Route, things: dict[str, dict[str, str]]) -> str:
    assert route.kind in things, f"Tell this test what {route.path} names."
    return reverse(route.name, kwargs={name: things[route.kind][name] for name in route.kwargs})


def ask(client, method: str, url: str) -> int:
    status: int = getattr(client, method)(url).status_code
    return status


@pytest.mark.django_db
def test_the_outsider_finds_nothing_of_others(things, stage, web, api):
    browser, machine = web(stage.cast.outsider), api(stage.cast.outsider)
    wrong = []
    for route in routes():
        url = address(route, things)
        told = {method: ask(machine if route.is_api else browser, method, url) for method in METHODS}
        # A button's address, when followed, leads back to the thing's page, which may be public.
        followed = told.pop("get") if told["get"] == 302 and route.kind in BUTTONS else None
        answers = set(told.values()) - {405}
        if route.name in PUBLIC or route.name in SHARED:
            expected = answers - {403} == {200}
        elif route.kind in MANAGED:
            # 400: the thing is public, so what was sent may be looked at before who sent it.
            expected = answers <= {400, 403, 404}
        elif route.kind == "people":
            expected = answers <= {403, 404}
        else:
            expected = answers == {404}
        if not expected:
            wrong.append((route.name, told, followed))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.django_db
def test_visitors_are_asked_to_sign_in(things, stage, web, api):
    browser, machine = web(None), api(None)
    for route in routes():
        if route.name in PUBLIC:
            continue
        told = ask(machine if route.is_api else browser, "get", address(route, things))
        assert told in ({401, 405} if route.is_api else {302, 404, 405}), (route.name, told)


@pytest.mark.django_db
def test_the_same_addresses_do_lead_somewhere(things, stage, web, api):
    """Else the outsider's 404s would prove nothing: the PI opens the page of each kind of thing."""
    browser, machine = web(stage.cast.pi), api(stage.cast.pi)
    opened = {
        route.kind
        for route in routes()
        if ask(machine if route.is_api else browser, "get", address(route, things)) == 200
    }
    assert opened >= {"projects", "requests", "allocations", "jobs", "organisations", "verifications"}
    assert len(routes()) > 60
