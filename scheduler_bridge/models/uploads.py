"""Usage that unbridged sites upload: the keys that sign it, what was uploaded, what was charged."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from datacenters.models import Site
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from scheduler_bridge.transitions import UPLOAD, UploadState


class UsageKey(Record):
    """The public half of the Ed25519 key with which a site signs its usage. Revoked ones stay on record."""

    code = CodeField(prefix="ukey")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="usage_keys")
    name = models.CharField(_("name"), max_length=80)
    public_key = models.TextField(_("public key"))
    fingerprint = models.CharField(
        _("fingerprint"), max_length=64, unique=True, help_text=_("SHA-256 of the key in DER.")
    )
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("registered by")
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        verbose_name = _("usage key")
        verbose_name_plural = _("usage keys")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class UsageUpload(Record):
    """One signed table as it came, to the byte. The counts and `faults` are those of its acceptance.

    `gpu_seconds` is what it changed in the ledger: new runs, and the differences of changed ones.
    """

    code = CodeField(prefix="upl")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="usage_uploads")
    key = models.ForeignKey(UsageKey, on_delete=models.PROTECT, related_name="uploads")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    filename = models.CharField(_("file name"), max_length=120)
    content = models.BinaryField()
    signature = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)
    rows = models.PositiveIntegerField(_("rows"))
    state = models.CharField(_("state"), max_length=10, choices=UploadState, default=UploadState.CHECKED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    known = models.PositiveIntegerField(_("known already"), default=0)
    wrong = models.PositiveIntegerField(_("to be corrected"), default=0)
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"), default=0)
    faults = models.JSONField(default=list)

    class Meta:
        verbose_name = _("usage upload")
        verbose_name_plural = _("usage uploads")
        ordering = ["-id"]
        constraints = [
            UPLOAD.check(name="usage_upload_state"),
            models.UniqueConstraint(
                fields=["site", "sha256"], name="usage_upload_open", condition=models.Q(state="checked")
            ),
        ]
        indexes = [models.Index(fields=["site", "-id"], name="usage_upload_site")]
        triggers = [UPLOAD.trigger(name="usage_upload_steps")]

    def __str__(self) -> str:
        return str(self.code)

    def get_absolute_url(self) -> str:
        return reverse("usage_upload", args=[self.code])


class UploadedRun(Record):
    """One run at an unbridged site, as it stands now. Named once and for ever by site and `run_id`.

    `person` is the login or e-mail address as the site wrote it. `gpu_seconds` is what it is charged.
    """

    code = CodeField(prefix="run")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="uploaded_runs")
    run_id = models.CharField(_("run"), max_length=64)
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="uploaded_runs")
    person = models.CharField(_("person"), max_length=254)
    gpus = models.PositiveIntegerField(_("GPUs"))
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"))
    state = models.CharField(_("state"), max_length=20)
    gpu_seconds = models.BigIntegerField(_("charged (GPU-seconds)"))
    upload = models.ForeignKey(UsageUpload, on_delete=models.PROTECT, related_name="runs")

    class Meta:
        verbose_name = _("uploaded run")
        verbose_name_plural = _("uploaded runs")
        constraints = [
            models.UniqueConstraint(fields=["site", "run_id"], name="uploaded_run_once"),
            models.CheckConstraint(
                name="uploaded_run_forward", condition=models.Q(ended_at__gte=models.F("started_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id}/{self.run_id}"

    @property
    def key(self) -> str:
        """Names this run in the ledger and among the usage."""
        return f"upload:{self.code}"
