"""Two calls, and requests in each of their states. ILLUSTRATIVE."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from allocations.programme import services
from allocations.programme.models import AllocationRequest, Call, Decision, Track
from allocations.projects.models import ProjectMember
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.units import hours_to_seconds
from portal.people import demo
from portal.people.selectors import terms_in_force
from portal.people.services.terms import consent_give

CALL_TRACK = "large"
CALL_DAYS = 30
CALL_BUDGET_HOURS = {"data-vault": 20_000, "astrolabe-uet": 15_000}
CALL = {
    "title_en": "Language models for Pakistan's languages",
    "title_ur": "پاکستان کی زبانوں کے لیے لسانی ماڈل",
    "text_en": "ILLUSTRATIVE. Large requests that train or adapt models for Urdu, Punjabi, Sindhi, Pashto, "
    "Balochi and the other languages of the country. Models and data are to be published.",
    "text_ur": "نمونہ۔ اردو، پنجابی، سندھی، پشتو، بلوچی اور ملک کی دیگر زبانوں کے ماڈل بنانے یا "
    "ڈھالنے کی بڑی درخواستیں۔ ماڈل اور ڈیٹا شائع کیے جائیں گے۔",
}
# A second one that nobody may hand anything in to yet.
LATER_CALL = {
    "title_en": "Early warning of floods and heat",
    "title_ur": "سیلاب اور گرمی کی قبل از وقت اطلاع",
    "text_en": "ILLUSTRATIVE. Large requests that forecast floods and heat waves district by district.",
    "text_ur": "نمونہ۔ ضلع بہ ضلع سیلاب اور گرمی کی لہر کی پیش گوئی کی بڑی درخواستیں۔",
}


@dataclass(frozen=True)
class Asked:
    """One request: who asks (a login), where, for how much and for how long. Its text names it."""

    login: str
    site: str
    gpu_hours: int
    days: int
    text: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def justification(self) -> str:
        return f"ILLUSTRATIVE. {self.text}"


APPROVED = Asked(
    "researcher",
    "astrolabe-ned",
    500,
    120,
    "Ten runs of a speech model of 300 million parameters: 8 GPUs for 6 hours each, "
    "and 20 GPU-hours for the evaluation of all of them.",
)
WAITING = Asked(
    "startup",
    "data-vault",
    240,
    60,
    "Fine-tuning a vision model on 40,000 pictures of wheat leaves: 4 GPUs for 12 hours, "
    "five times, as the season brings new pictures.",
)
DRAFT = Asked("researcher", "data-vault", 900, 90, "A second accent: lessons from Multan and Bahawalpur.")
RETURNED = Asked("startup", "astrolabe-uet", 600, 45, "A larger model for the phones of extension workers.")
DECLINED = Asked("startup", "data-vault", 3_000, 90, "Training from scratch on pictures from the internet.")
CHECKED = Asked(
    "outsider",
    "data-vault",
    8_000,
    120,
    "Variant calling for 12,000 samples: 16 GPUs for 21 days, and a language model of variants.",
)
COURSE = Asked(
    "teacher", "astrolabe-ned", 400, 100, "Forty students with ten GPU-hours each, in twelve exercises."
)
# More than its quarter has free: the rest waits.
URGENT = Asked(
    "agency", "higgs", 30_000, 60, "Flood maps from radar pictures, each night of the monsoon's first weeks."
)


def seed() -> None:
    """Plant what is missing; change nothing that is there. Skips whoever isn't planted."""
    _seed_calls()
    if request := submit(APPROVED):
        approve(request)
    if request := submit(WAITING):
        _seed_thread(request)
    begin(DRAFT)
    if request := submit(RETURNED):
        services.request_return(
            actor=demo.user("admin"),
            request=request,
            reason="ILLUSTRATIVE. How many pictures are there, and who labels them?",
        )
    if request := submit(DECLINED):
        services.request_decline(
            actor=demo.user("council"),
            request=request,
            reason="ILLUSTRATIVE. A model that is there already, adapted, would do.",
            remedy="ILLUSTRATIVE. Ask for its fine-tuning: some 300 GPU-hours.",
            reason_code="merit",
        )
    if call := the_call():
        submit(CHECKED, call=call)
    if request := submit(COURSE, wanted_track=_track("classroom")):
        approve(request)
    _seed_urgent()


def begin(asked: Asked, **content: Any) -> AllocationRequest | None:
    """A draft; None where it is planted already, or its people or its site aren't."""
    lead = ProjectMember.objects.filter(
        user__email=demo.address(asked.login),
        role=ProjectMember.Role.PI,
        project__organisation__illustrative=True,
    ).first()
    resource = Resource.objects.filter(site__code=asked.site, illustrative=True).first()
    if lead is None or resource is None:
        return None
    if lead.project.requests.filter(justification=asked.justification).exists():
        return None
    starts_on = content.pop("starts_on", clock.today())
    run = services.Run("ILLUSTRATIVE", gpus=4, hours=Decimal(asked.gpu_hours) / 4)
    return services.request_create(
        actor=lead.user,
        project=lead.project,
        resource=resource,
        gpu_seconds=hours_to_seconds(asked.gpu_hours),
        starts_on=starts_on,
        ends_on=starts_on + timedelta(days=asked.days - 1),
        justification=asked.justification,
        ai_risk="limited",
        runs=[run],
        **content,
    )


def submit(asked: Asked, **content: Any) -> AllocationRequest | None:
    """The same, handed in."""
    request = begin(asked, **content)
    if request is None:
        return None
    if terms_in_force():
        consent_give(request.requested_by)
    return services.request_submit(actor=request.requested_by, request=request)


def approve(
    request: AllocationRequest, *, by: Iterable[str] = ("council",), gpu_hours: int | None = None, **how: Any
) -> Decision:
    """Every site consents, and then each of `by` approves."""
    for consent in request.consents.select_related("site"):
        manager = consent.site.roles.select_related("user").filter(role="manager").first()
        if manager is not None:
            services.consent_answer(actor=manager.user, request=request, site=consent.site, given=True)
    words = [
        services.request_approve(
            actor=demo.user(login),
            request=request,
            gpu_seconds=None if gpu_hours is None else hours_to_seconds(gpu_hours),
            **how,
        )
        for login in by
    ]
    return words[-1]


def the_call() -> Call | None:
    """The call that takes requests, if it is planted and open."""
    call = Call.objects.filter(illustrative=True, title_en=CALL["title_en"]).first()
    return call if call is not None and call.is_open else None


def _seed_urgent() -> None:
    """An agency's request that two persons approve for the third quarter from now: some of it waits."""
    quarter = Quarter.of(clock.today()).next.next
    request = submit(URGENT, wanted_track=_track("urgent"), starts_on=quarter.first_day)
    if request is not None:
        approve(request, by=("council", "council2"), wait=True)


def _seed_thread(request: AllocationRequest) -> None:
    """A question and its answer."""
    for login, text in (
        ("council", "ILLUSTRATIVE. Will the pictures of the second season be public, too?"),
        (WAITING.login, "ILLUSTRATIVE. Yes, under CC BY, a month after the harvest."),
    ):
        services.message_write(actor=demo.user(login), request=request, text=text)


def _seed_calls() -> None:
    track = _track(CALL_TRACK)
    if track is None:
        return
    if not Call.objects.filter(illustrative=True, title_en=CALL["title_en"]).exists():
        call = _call(track, CALL, opens_in=0)
        services.call_publish(actor=demo.user("admin"), call=call)
        for site, gpu_hours in CALL_BUDGET_HOURS.items():
            for resource in Resource.objects.filter(site__code=site, illustrative=True)[:1]:
                services.call_budget_set(
                    actor=demo.user("admin"),
                    call=call,
                    resource=resource,
                    gpu_seconds=hours_to_seconds(gpu_hours),
                )
    if not Call.objects.filter(illustrative=True, title_en=LATER_CALL["title_en"]).exists():
        later = _call(track, LATER_CALL, opens_in=CALL_DAYS)
        services.call_publish(actor=demo.user("admin"), call=later)


def _call(track: Track, words: dict[str, str], *, opens_in: int) -> Call:
    opens_at = clock.now() + timedelta(days=opens_in)
    call = services.call_create(
        actor=demo.user("admin"),
        track=track,
        opens_at=opens_at,
        closes_at=opens_at + timedelta(days=CALL_DAYS),
        decided_by_on=clock.day_of(opens_at) + timedelta(days=2 * CALL_DAYS),
        title_en=words["title_en"],
        title_ur=words["title_ur"],
        text_en=words["text_en"],
        text_ur=words["text_ur"],
    )
    call.illustrative = True
    call.store("illustrative")
    return call


def _track(code: str) -> Track | None:
    return Track.objects.filter(code=code).first()
