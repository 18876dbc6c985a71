"""Pages of a reviewer: one's reviews, one review, one's profile."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import models
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from allocations.programme import papers
from allocations.reviews import selectors, services
from allocations.reviews.blinding import attachments_of, is_double_blind, sheet_of
from allocations.reviews.filtersets import ReviewFilters
from allocations.reviews.models import Review
from allocations.reviews.web.forms import SCORE, ProfileForm, ReasonForm, RecuseForm, ReviewForm
from portal.foundation.policies import require
from portal.foundation.web import ActionView, FormPage, ListPage

ONLY_REVIEWERS = _("Only reviewers have reviews and a profile.")


class ReviewList(ListPage):
    title = _("Reviews")
    template_name = "reviews/review_list.html"
    selector = selectors.own
    filterset_class = ReviewFilters

    def get_queryset(self) -> models.QuerySet[Any]:
        require(self.request.user, "reviews.review", message=ONLY_REVIEWERS)
        return super().get_queryset()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        profile = selectors.profile_of(self.request.user)
        # Of those that they left, or that were taken from them, the device keeps no draft either.
        still_open = selectors.own_open(self.request.user).values_list("code", flat=True)
        return super().get_context_data(profile=profile, still_open=" ".join(still_open), **kwargs)


class ReviewWork(FormPage):
    """A form about one of the reviewer's own reviews."""

    def prepare(self) -> None:
        self.object: Review = get_object_or_404(
            selectors.own_detailed(self.request.user), code=self.kwargs["code"]
        )

    def page_context(self) -> dict[str, Any]:
        crumbs = [
            {"label": gettext("Reviews"), "href": reverse("reviews")},
            {"label": self.object.code, "href": self.object.get_absolute_url()},
        ]
        return {"crumbs": crumbs}


class ReviewPage(ReviewWork):
    """The request's content, as far as the track lets it through, and the form beside it."""

    template_name = "reviews/review.html"
    form_class = ReviewForm
    title = _("Review")
    submit_label = _("Submit the review")

    def form_options(self) -> dict[str, Any]:
        return {"criteria": self.object.rubric.criteria.all(), "draft": "draft" in self.request.POST}

    def get_initial(self) -> dict[str, Any]:
        given = {f"{SCORE}{score.criterion.code}": score.score for score in self.object.scores.all()}
        review = self.object
        return {
            **given,
            "recommendation": review.recommendation,
            "comment_private": review.comment_private,
            "comment_applicant": review.comment_applicant,
        }

    def page_context(self) -> dict[str, Any]:
        review = self.object
        request = review.request
        shown = selectors.shows_content(review)
        return {
            **super().page_context(),
            "sheet": sheet_of(request) if shown else None,
            "double_blind": is_double_blind(request.track_version),
            "scores": review.scores.all(),
            "may_revise": selectors.is_revisable(review),
        }

    def act(self, form: ReviewForm) -> str:
        if "draft" in self.request.POST:
            services.review_save(actor=self.request.user, review=self.object, **form.typed())
            messages.success(self.request, gettext("Your draft is kept."))
        else:
            services.review_submit(actor=self.request.user, review=self.object, **form.typed())
            messages.success(self.request, gettext("Your review was submitted. Thank you."))
        return self.object.get_absolute_url()


class ReviewAccept(ActionView):
    selector = selectors.own

    def act(self, target: Review) -> str:
        services.review_accept(actor=self.request.user, review=target)
        return gettext("You take this review.")


class ReviewRevise(ActionView):
    """Take back what was submitted, to change it."""

    selector = selectors.own

    def act(self, target: Review) -> str:
        services.review_revise(actor=self.request.user, review=target)
        return gettext("Change it and submit it again. Until then it doesn't count.")


class ReviewDecline(ReviewWork):
    form_class = ReasonForm
    title = _("Decline the review")
    submit_label = _("Decline")

    def act(self, form: ReasonForm) -> str:
        services.review_decline(actor=self.request.user, review=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("You declined. Somebody else is asked."))
        return reverse("reviews")


class ReviewRecuse(ReviewWork):
    """A conflict of interest: the button on the review's page sends this form with nothing in it."""

    form_class = RecuseForm
    title = _("Conflict of interest")
    submit_label = _("Declare it and leave")

    def page_context(self) -> dict[str, Any]:
        lede = gettext("The request is hidden from you at once, and somebody else is asked.")
        return {**super().page_context(), "lede": lede, "danger": True}

    def act(self, form: RecuseForm) -> str:
        services.review_recuse(actor=self.request.user, review=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("Your conflict is on record. Somebody else is asked."))
        return reverse("reviews")


class ReviewAttachment(LoginRequiredMixin, View):
    """A PDF of the request, where the review lets it through."""

    def get(self, request: HttpRequest, code: str, attachment: str) -> FileResponse:
        review = get_object_or_404(selectors.own_detailed(request.user), code=code)
        if not selectors.shows_content(review):
            raise Http404
        found = next((one for one in attachments_of(review.request) if one.code == attachment), None)
        if found is None:
            raise Http404
        return papers.response_of(found.file, name=found.code)


class ReviewerProfilePage(FormPage):
    form_class = ProfileForm
    title = _("My profile as a reviewer")
    template_name = "reviews/profile.html"

    def prepare(self) -> None:
        require(self.request.user, "reviews.review", message=ONLY_REVIEWERS)

    def get_initial(self) -> dict[str, Any]:
        profile = selectors.profile_of(self.request.user)
        return {
            "keywords": "\n".join(profile.keywords),
            "sectors": list(profile.sectors.all()) if profile.pk else [],
            "most_open": profile.most_open,
            "available_from": profile.available_from,
            "available_until": profile.available_until,
        }

    def act(self, form: ProfileForm) -> str:
        services.profile_change(actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, gettext("Your profile was saved."))
        return reverse("reviews")
