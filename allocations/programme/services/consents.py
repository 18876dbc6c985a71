"""Where a request may be placed: at sites that have consented, where its track asks sites at all."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest, RequestStep, SiteConsent, TrackStep
from allocations.programme.services._gate import locked_for_word
from allocations.programme.services.announce import tell_site
from allocations.programme.services.ties import has_a_say, of_request
from allocations.programme.steps import PASS, SKIP, Verdict
from allocations.programme.tracks import working_days_after
from allocations.programme.transitions import PENDING, ConsentState, StepState
from datacenters.models import Resource, Site
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import User

CONSENTED = {ConsentState.GIVEN, ConsentState.PRESUMED}


def consents_of(request: AllocationRequest) -> dict[int, str]:
    """What each site (id) says: the latest word since the round in which the step of consents last stood.

    A round that an appeal opened has no such step: what was said before holds, and a site asked since adds
    to it. A request that was handed in anew asks them all anew; what was said under the rules of another
    version of a track counts no more.
    """
    since = max((step.round for step in _steps_of_consent(request)), default=request.round)
    words = SiteConsent.objects.filter(request=request, round__gte=since).order_by("round")
    return dict(words.values_list("site_id", "state"))


def asks_sites(request: AllocationRequest) -> bool:
    """Whether the version that it was filed under asks sites: a submission lays out all steps of its own."""
    return bool(_steps_of_consent(request))


def may_ask_more(request: AllocationRequest) -> bool:
    """Whether further sites may be asked: while it waits for a decision, once those of its lines answered."""
    return request.state in PENDING and asks_sites(request) and not _asks_first(request)


def sites_verdict(request: AllocationRequest) -> Verdict | None:
    """How the sites that were asked in this round end its step; None while one hasn't answered.

    A refusal fails it: that site can't be chosen any more.
    """
    words = SiteConsent.objects.filter(request=request, round=request.round)
    states = set(words.values_list("state", flat=True))
    if ConsentState.ASKED in states:
        return None
    if ConsentState.REFUSED in states:
        return Verdict("fail", _("A site refused."))
    return PASS if states else SKIP


def require_consent(request: AllocationRequest, resources: Iterable[Resource]) -> None:
    """Raises InvalidInput where a site refused, was never asked, or hasn't answered yet.

    Codes: `site_refused`, `site_not_asked`, `site_silent`.
    """
    consents, asks = consents_of(request), asks_sites(request)
    for resource in resources:
        state = consents.get(resource.site_id)
        if state == ConsentState.REFUSED:
            raise InvalidInput(
                _("%(site)s refused this request.") % {"site": resource.site},
                field="resource",
                code="site_refused",
                remedy=_("Place the line elsewhere, or decline it."),
            )
        if not asks or state in CONSENTED:
            continue
        if state is None:
            raise InvalidInput(
                _("%(site)s was never asked about this request.") % {"site": resource.site},
                field="resource",
                code="site_not_asked",
                remedy=_("Ask the site first, or place the line at one that has consented."),
            )
        raise InvalidInput(
            _("%(site)s hasn't answered yet.") % {"site": resource.site},
            field="resource",
            code="site_silent",
            remedy=_("Wait for its answer, or place the line at a site that has consented."),
        )


def sites_to_ask(request: AllocationRequest) -> QuerySet[Site]:
    """The open sites that may be asked and have an open resource; none where the track asks no sites."""
    if not asks_sites(request):
        return Site.objects.none()
    open_ones = Site.objects.filter(is_open=True, resources__is_open=True).distinct()
    return open_ones.exclude(pk__in=_asked(request)).order_by("name")


@has_a_say(of_request)
def consent_ask(*, actor: User, request: AllocationRequest, site: Site) -> SiteConsent:
    """Ask one more site, so that a line may be placed there; its silence counts as the track says.

    One that refused, or stayed silent, before an appeal may be asked anew. For who may decide about the
    request. Raises NotAllowed, IllegalState (decided, the sites of its lines haven't answered yet, or the
    site was asked), InvalidInput where the track asks no sites or the site can't take it.
    """
    request = locked_for_word(actor, request)
    require(actor, "programme.decide_request", request)
    if request.state not in PENDING:
        raise IllegalState(_("Only while a request waits for its decision are sites asked."))
    steps = _steps_of_consent(request)
    if not steps:
        raise InvalidInput(
            _("This track asks no sites."), field="site", remedy=_("Place the line there at once.")
        )
    if _asks_first(request):
        raise IllegalState(
            _("The sites of its lines answer first."), remedy=_("Ask further sites once they have.")
        )
    if site.pk in _asked(request):
        raise IllegalState(
            _("%(site)s was asked already.") % {"site": site}, remedy=_("Its answer stands on the page.")
        )
    if not site.is_open or not site.holds(request.project.data_class):
        raise InvalidInput(
            _("%(site)s can't take this request.") % {"site": site},
            field="site",
            remedy=_("Choose an open site that may hold the project's data."),
        )
    step = steps[-1].step
    consent = SiteConsent.objects.create(
        request=request,
        round=request.round,
        site=site,
        due_at=working_days_after(clock.now(), step.working_days),
        silence_consents=step.silence_consents,
    )
    audit.record(
        actor=actor,
        action="request_consent_ask",
        target=request,
        after={"site": site.code, **consent.snapshot("state")},
    )
    tell_site(consent)
    return consent


def _steps_of_consent(request: AllocationRequest) -> list[RequestStep]:
    """Where sites were asked under the version in force, the latest last."""
    return [
        step
        for step in request.steps.all()
        if step.kind == TrackStep.Kind.CONSENT and step.step.version_id == request.track_version_id
    ]


def _asks_first(request: AllocationRequest) -> bool:
    """Whether the sites of its lines are still to answer in this round: the step waits for nobody else."""
    return any(
        step.round == request.round and step.state in (StepState.PENDING, StepState.OPEN)
        for step in _steps_of_consent(request)
    )


def _asked(request: AllocationRequest) -> set[int]:
    """Ids of the sites that were asked in this round, or have consented."""
    asked = SiteConsent.objects.filter(request=request, round=request.round)
    consented = {site for site, state in consents_of(request).items() if state in CONSENTED}
    return consented.union(asked.values_list("site_id", flat=True))
