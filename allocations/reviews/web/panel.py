"""Pages of those who assign reviewers and read what they say: pool, panel, a request's reviews."""

import csv
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from allocations.programme.models import AllocationRequest, RequestStep
from allocations.reviews import selectors, services
from allocations.reviews.filtersets import PanelFilters, PoolFilters
from allocations.reviews.fitting import proposed
from allocations.reviews.models import Review
from allocations.reviews.ranking import cells, row_of
from allocations.reviews.scoring import spread
from allocations.reviews.services.assigning import missing_of
from allocations.reviews.transitions import ReviewState
from allocations.reviews.web.forms import (
    CloseForm,
    ExtendForm,
    InviteForm,
    ReplaceForm,
    RevisionForm,
    RulesForm,
)
from portal.foundation.errors import IllegalState
from portal.foundation.policies import allowed, require
from portal.foundation.web import FormPage, ListPage, Page

ONLY_DECIDERS = _("Only programme admins and the council see the panel.")
ONLY_ADMINS = _("Only programme admins manage reviewers.")


class Pool(ListPage):
    title = _("Reviewers")
    template_name = "reviews/pool.html"
    selector = selectors.pool_for
    filterset_class = PoolFilters

    def get_queryset(self) -> models.QuerySet[Any]:
        require(self.request.user, "reviews.manage_pool", message=ONLY_ADMINS)
        return super().get_queryset()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(rules=selectors.rules(), **kwargs)


class Rules(FormPage):
    form_class = RulesForm
    title = _("Rules of review")

    def prepare(self) -> None:
        require(self.request.user, "reviews.manage_pool", message=ONLY_ADMINS)

    def get_initial(self) -> dict[str, Any]:
        rules = selectors.rules()
        return {"automatic_up_to": rules.automatic_up_to, "grace_days": rules.grace_days}

    def page_context(self) -> dict[str, Any]:
        href = reverse("reviewer_pool")
        return {"crumbs": [{"label": gettext("Reviewers"), "href": href}], "back_url": href}

    def act(self, form: RulesForm) -> str:
        services.rules_change(actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, gettext("The rules were saved."))
        return reverse("reviewer_pool")


class Panel(ListPage):
    title = _("Panel")
    template_name = "reviews/panel.html"
    selector = selectors.panel_for
    filterset_class = PanelFilters

    def get_queryset(self) -> models.QuerySet[Any]:
        require(self.request.user, "reviews.see_panel", message=ONLY_DECIDERS)
        return super().get_queryset()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {"rows": [row_of(request) for request in page["page_obj"]]}


class PanelCsv(LoginRequiredMixin, View):
    """The same rows, all of them, as a file."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        require(request.user, "reviews.see_panel", message=ONLY_DECIDERS)
        filters = PanelFilters(request.GET, queryset=selectors.panel_for(request.user))
        if not filters.is_valid():
            return HttpResponse(
                filters.errors.as_text(), status=400, content_type="text/plain; charset=utf-8"
            )
        writer = csv.writer(_Echo())
        lines = (writer.writerow(row) for row in cells(row_of(one) for one in filters.qs.iterator()))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="panel.csv"'
        return response


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


class RequestReviews(Page):
    """What the reviewers say about one request: to who decides, all of it; to who asked, what is for them.

    htmx gets the panel alone.
    """

    title = _("Reviews")

    def get_template_names(self) -> list[str]:
        part = self.request.htmx  # type: ignore[attr-defined]
        return ["reviews/_panel.html" if part else "reviews/request_reviews.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        viewer = self.request.user
        request = get_object_or_404(selectors.requests_for(viewer), code=self.kwargs["code"])
        page = super().get_context_data(object=request, **kwargs)
        if not allowed(viewer, "reviews.see_reviews", request):
            return page | {"comments": selectors.comments_for(viewer, request)}
        reviews = selectors.reviews_of(request)
        step = selectors.open_review_step(request)
        manages = allowed(viewer, "reviews.manage_pool")  # Without a conflict: that was asked already.
        return page | {
            "sees_reviews": True,
            "reviews": reviews,
            "spread": spread(selectors.scores_of(request)),
            "step": step,
            "missing": missing_of(step) if step else 0,
            "may_assign": step is not None and manages,
            "may_close": manages and step is not None and step.is_overdue and _some_are_in(reviews, step),
            "may_manage": manages,
        }


def _some_are_in(reviews: list[Review], step: RequestStep) -> bool:
    return any(review.state == ReviewState.SUBMITTED and review.round == step.round for review in reviews)


class RequestReviewsClose(FormPage):
    """End an overdue merit review with the words that are in."""

    form_class = CloseForm
    title = _("Close the merit review")
    submit_label = _("Close it with the reviews that are in")

    def prepare(self) -> None:
        self.object: AllocationRequest = get_object_or_404(
            selectors.assignable_by(self.request.user), code=self.kwargs["code"]
        )

    def get_initial(self) -> dict[str, Any]:
        return {"round": self.object.round}

    def page_context(self) -> dict[str, Any]:
        back = reverse("request_reviews", args=[self.object.code])
        return {
            "crumbs": [
                {"label": self.object.code, "href": self.object.get_absolute_url()},
                {"label": gettext("Reviews"), "href": back},
            ],
            "lede": gettext("Reviewers who haven't submitted are let go. What they drafted isn't read."),
            "back_url": back,
        }

    def act(self, form: CloseForm) -> str:
        services.reviews_close(actor=self.request.user, request=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("The merit review is closed."))
        return reverse("request_reviews", args=[self.object.code])


class RequestReviewers(FormPage):
    """Whom to ask: the proposal, everybody else in the pool, and why some may not."""

    template_name = "reviews/request_reviewers.html"
    form_class = InviteForm
    title = _("Ask reviewers")
    submit_label = _("Ask the chosen")

    def prepare(self) -> None:
        self.object: AllocationRequest = get_object_or_404(
            selectors.assignable_by(self.request.user), code=self.kwargs["code"]
        )
        self.step = selectors.open_review_step(self.object)
        if self.step is None:
            raise IllegalState(_("No review of this request is under way."))
        self.candidates = selectors.candidates_for(self.object)
        self.missing = missing_of(self.step)
        self.proposal = [one.user.code for one in proposed(self.candidates, self.missing)]

    def form_options(self) -> dict[str, Any]:
        return {"candidates": self.candidates}

    def get_initial(self) -> dict[str, Any]:
        return {"reviewers": self.proposal}

    def page_context(self) -> dict[str, Any]:
        assert self.step is not None  # noqa: S101
        chosen = self.request.POST.getlist("reviewers") if self.request.POST else self.proposal
        return {
            "step": self.step,
            "candidates": self.candidates,
            "chosen": chosen,
            "missing": self.missing,
        }

    def act(self, form: InviteForm) -> str:
        asked = services.reviewers_invite(
            actor=self.request.user,
            request=self.object,
            users=form.cleaned_data["reviewers"],
            due_on=form.cleaned_data["due_on"],
        )
        messages.success(
            self.request,
            ngettext("%(count)s reviewer was asked.", "%(count)s reviewers were asked.", len(asked))
            % {"count": len(asked)},
        )
        return reverse("request_reviews", args=[self.object.code])


class ManageReview(FormPage):
    """A programme admin's form about somebody's review."""

    # In which state the form is of use.
    state = ReviewState.ASSIGNED

    def prepare(self) -> None:
        self.object: Review = get_object_or_404(
            selectors.managed_by(self.request.user), code=self.kwargs["code"]
        )
        if self.object.state != self.state:
            raise IllegalState(
                _("This review is “%(state)s”: it can't be changed any more.")
                % {"state": self.object.get_state_display()}
            )

    def page_context(self) -> dict[str, Any]:
        request = self.object.request
        back = reverse("request_reviews", args=[request.code])
        return {
            "crumbs": [
                {"label": request.code, "href": request.get_absolute_url()},
                {"label": gettext("Reviews"), "href": back},
            ],
            "lede": str(self.object.reviewer),
            "back_url": back,
        }

    def done(self) -> str:
        return reverse("request_reviews", args=[self.object.request.code])


class ReviewReplace(ManageReview):
    form_class = ReplaceForm
    title = _("Replace the reviewer")
    submit_label = _("Replace")

    def form_options(self) -> dict[str, Any]:
        return {"candidates": selectors.candidates_for(self.object.request)}

    def act(self, form: ReplaceForm) -> str:
        services.review_replace(actor=self.request.user, review=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("The reviewer was replaced."))
        return self.done()


class ReviewExtend(ManageReview):
    form_class = ExtendForm
    title = _("Give more time")

    def get_initial(self) -> dict[str, Any]:
        return {"due_on": self.object.due_on}

    def act(self, form: ExtendForm) -> str:
        services.review_extend(actor=self.request.user, review=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("The reviewer has more time."))
        return self.done()


class ReviewAskRevision(ManageReview):
    form_class = RevisionForm
    title = _("Ask for a revision")
    submit_label = _("Ask for it")
    state = ReviewState.SUBMITTED

    def act(self, form: RevisionForm) -> str:
        services.review_ask_revision(actor=self.request.user, review=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("The reviewer is asked to revise it."))
        return self.done()
