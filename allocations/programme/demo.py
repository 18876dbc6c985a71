"""An open call, one request that was approved and one that waits. ILLUSTRATIVE."""

from datetime import timedelta

from allocations.programme import services
from allocations.programme.models import AllocationRequest, Call, Track
from allocations.projects.models import ProjectMember
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.units import hours_to_seconds
from portal.people import demo
from portal.people.selectors import terms_in_force
from portal.people.services.terms import consent_give

# Login of the PI → (site, GPU-hours, days, justification).
REQUESTS: dict[str, tuple[str, int, int, str]] = {
    "researcher": (
        "astrolabe-ned",
        500,
        120,
        "ILLUSTRATIVE. Ten runs of a speech model of 300 million parameters: 8 GPUs for 6 hours each, "
        "and 20 GPU-hours for the evaluation of all of them.",
    ),
    "startup": (
        "data-vault",
        240,
        60,
        "ILLUSTRATIVE. Fine-tuning a vision model on 40,000 pictures of wheat leaves: 4 GPUs for 12 hours, "
        "five times, as the season brings new pictures.",
    ),
}
APPROVED = "researcher"
CALL_TRACK = "large"
CALL_DAYS = 30
CALL = {
    "title_en": "Language models for Pakistan's languages",
    "title_ur": "پاکستان کی زبانوں کے لیے لسانی ماڈل",
    "text_en": "ILLUSTRATIVE. Large requests that train or adapt models for Urdu, Punjabi, Sindhi, Pashto, "
    "Balochi and the other languages of the country. Models and data are to be published.",
    "text_ur": "نمونہ۔ اردو، پنجابی، سندھی، پشتو، بلوچی اور ملک کی دیگر زبانوں کے ماڈل بنانے یا "
    "ڈھالنے کی بڑی درخواستیں۔ ماڈل اور ڈیٹا شائع کیے جائیں گے۔",
}


def seed() -> None:
    """Plant what is missing; change nothing that is there. Skips whoever isn't planted."""
    _seed_call()
    for login, (site, gpu_hours, days, justification) in REQUESTS.items():
        lead = ProjectMember.objects.filter(
            user__email=demo.address(login),
            role=ProjectMember.Role.PI,
            project__organisation__illustrative=True,
        ).first()
        resource = Resource.objects.filter(site__code=site, illustrative=True).first()
        if lead is None or resource is None or lead.project.requests.exists():
            continue
        request = services.request_create(
            actor=lead.user,
            project=lead.project,
            resource=resource,
            gpu_seconds=hours_to_seconds(gpu_hours),
            starts_on=clock.today(),
            ends_on=clock.today() + timedelta(days=days - 1),
            justification=justification,
            ai_risk="limited",
        )
        if terms_in_force():
            consent_give(lead.user)
        request = services.request_submit(actor=lead.user, request=request)
        if login == APPROVED:
            _approve(request)


def _seed_call() -> None:
    track = Track.objects.filter(code=CALL_TRACK).first()
    if track is None or Call.objects.filter(illustrative=True).exists():
        return
    now = clock.now()
    call = services.call_create(
        actor=demo.user("admin"),
        track=track,
        title_en=CALL["title_en"],
        title_ur=CALL["title_ur"],
        text_en=CALL["text_en"],
        text_ur=CALL["text_ur"],
        opens_at=now,
        closes_at=now + timedelta(days=CALL_DAYS),
        decided_by_on=clock.today() + timedelta(days=2 * CALL_DAYS),
    )
    call.illustrative = True
    call.store("illustrative")
    services.call_publish(actor=demo.user("admin"), call=call)


def _approve(request: AllocationRequest) -> None:
    for consent in request.consents.select_related("site"):
        manager = consent.site.roles.select_related("user").filter(role="manager").first()
        if manager is not None:
            services.consent_answer(actor=manager.user, request=request, site=consent.site, given=True)
    services.request_approve(actor=demo.user("council"), request=request)
