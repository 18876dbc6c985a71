"""Courses: a project that students join by a short code, each with a cap, until a last day."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.projects.models.project import Project
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record


class Classroom(Record):
    """One course on one project; its instructor is the project's principal investigator.

    `join_code` is empty while nobody may join. It is shown to the class, so it is no secret that needs a
    hash: tries are limited, and a new one takes its place at once.
    """

    code = CodeField(prefix="cls")
    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="classroom")
    course = models.CharField(_("course"), max_length=160)
    join_code = models.CharField(_("code for joining"), max_length=8, blank=True)
    cap_gpu_seconds = models.BigIntegerField(_("cap per student (GPU-seconds)"))
    most_students = models.PositiveIntegerField(_("most students"))
    ends_on = models.DateField(_("last day"))
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("classroom")
        verbose_name_plural = _("classrooms")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["join_code"], condition=~Q(join_code=""), name="classroom_join_code_once"
            ),
            models.CheckConstraint(
                name="classroom_figures", condition=Q(cap_gpu_seconds__gt=0, most_students__gt=0)
            ),
            models.CheckConstraint(name="classroom_closed", condition=Q(closed_at=None) | Q(join_code="")),
        ]

    def __str__(self) -> str:
        return self.course

    def get_absolute_url(self) -> str:
        return reverse("classroom", args=[self.project.code])

    @property
    def is_open(self) -> bool:
        """Whether the course is going on: until the end of its last day in Pakistan, unless closed before."""
        return self.closed_at is None and self.ends_on >= clock.today()

    @property
    def written_code(self) -> str:
        """The code for joining as it is read aloud: two groups of four."""
        return f"{self.join_code[:4]}-{self.join_code[4:]}".upper() if self.join_code else ""


class Enrolment(Record):
    """A student of a course. It stays when the membership of the project has ended: who was trained counts.

    `removed`: the instructor ended it, so the code doesn't let the student in again. `own_cap_gpu_seconds`
    was set by hand and holds when a student who left comes back; empty: the course's cap does.
    """

    classroom = models.ForeignKey(Classroom, on_delete=models.PROTECT, related_name="enrolments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="enrolments")
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    removed = models.BooleanField(_("removed by the instructor"), default=False)
    own_cap_gpu_seconds = models.BigIntegerField(_("cap of one's own (GPU-seconds)"), null=True, blank=True)

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [models.UniqueConstraint(fields=["classroom", "user"], name="enrolment_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.classroom}"
