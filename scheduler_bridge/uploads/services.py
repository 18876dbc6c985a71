"""Taking an unbridged site's usage: checked when it comes, charged when somebody accepts what they saw.

A run is charged through the same ledger and kept among the same usage as those that clusters tell of. It is
named by its site and its run id: uploaded twice it is charged once, changed it posts the difference.
"""

import dataclasses
import hashlib
from itertools import batched

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.ledger import services as ledger
from allocations.usage import services as usage
from allocations.usage.models import UsageRecord
from datacenters.models import Site
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.services import audit
from portal.people.models import User
from scheduler_bridge.models import UploadedRun, UsageKey, UsageUpload
from scheduler_bridge.transitions import UPLOAD, UploadState
from scheduler_bridge.uploads.judge import Entry, Verdict, judge
from scheduler_bridge.uploads.keys import require_site, signing_key
from scheduler_bridge.uploads.table import check_size

# The ledger posts at most this many at a time.
BATCH = 1000


@transaction.atomic
def usage_upload(*, actor: User, site: Site, filename: str, content: bytes, signature: bytes) -> UsageUpload:
    """Keep a signed table and check it; nothing is charged yet. For the site's managers.

    The same table, while it waits to be accepted, is kept once; where its key was revoked since, it now
    counts as signed by this one. Raises NotAllowed, SecondFactorNeeded,
    IllegalState (bridged site), InvalidInput (`signature`; `content`, where it is no such table at all).
    """
    require_site(actor, site)
    check_size(content)
    key = signing_key(site, content, signature)
    _lock(site)
    digest = hashlib.sha256(content).hexdigest()
    uploads = UsageUpload.objects.select_related("key", "uploaded_by")
    waiting = uploads.filter(site=site, sha256=digest, state=UploadState.CHECKED).first()
    if waiting is not None:
        return _take_over(actor, waiting, key, signature)
    verdict = judge(site, content)
    upload = UsageUpload.objects.create(
        site=site,
        key=key,
        uploaded_by=actor,
        filename=filename[:120],
        content=content,
        signature=signature,
        sha256=digest,
        rows=verdict.good + verdict.wrong,
    )
    audit.record(
        actor=actor,
        action="usage_upload",
        target=upload,
        after={"site": site.code, "sha256": digest, "key": key.code, "rows": upload.rows},
    )
    return upload


def _take_over(actor: User, upload: UsageUpload, key: UsageKey, signature: bytes) -> UsageUpload:
    """Without this a table whose key was revoked could be neither accepted nor sent again."""
    if upload.key.revoked_at is None:
        return upload
    before = upload.snapshot("key", "uploaded_by")
    upload.key, upload.signature, upload.uploaded_by = key, signature, actor
    upload.store("key", "signature", "uploaded_by")
    audit.record(
        actor=actor,
        action="usage_upload",
        target=upload,
        before=before,
        after=upload.snapshot("key", "uploaded_by"),
    )
    return upload


def verdict_of(upload: UsageUpload) -> Verdict:
    """What its rows mean now; what is accepted in the meantime is known."""
    return judge(upload.site, bytes(upload.content))


@transaction.atomic
def usage_accept(
    *, actor: User, upload: UsageUpload, leave_wrong: bool = False, mark: str = ""
) -> UsageUpload:
    """Charge the good rows, all of them or none; wrong ones are left only if `leave_wrong` says so.

    `mark` is that of the verdict that was looked at: where it isn't that any more, nothing is done. Raises
    NotAllowed, SecondFactorNeeded, IllegalState, InvalidInput (leave_wrong), Refused (no good row).
    """
    upload = _decide(actor, upload, "accept")
    if upload.key.revoked_at:
        raise IllegalState(
            _("The key that signed this was revoked."), remedy=_("Sign the table with a key in force.")
        )
    verdict = verdict_of(upload)
    _check_choice(verdict, leave_wrong=leave_wrong, mark=mark)
    _check_not_undone(upload, verdict)
    for entries in batched(verdict.new, BATCH):
        _charge(upload, entries)
    for entry in verdict.changed:
        _correct(upload, entry)
    upload.new, upload.changed = len(verdict.new), len(verdict.changed)
    upload.known, upload.wrong = len(verdict.known), verdict.wrong
    upload.gpu_seconds = verdict.gpu_seconds
    upload.faults = [dataclasses.asdict(fault) for fault in verdict.faults]
    upload.store(
        "state", "decided_by", "decided_at", "new", "changed", "known", "wrong", "gpu_seconds", "faults"
    )
    told = upload.snapshot("site", "sha256", "new", "changed", "known", "wrong", "gpu_seconds")
    audit.record(actor=actor, action="usage_accept", target=upload, after=told)
    return upload


@transaction.atomic
def usage_discard(*, actor: User, upload: UsageUpload) -> UsageUpload:
    """Charge nothing of it; it stays in the history. Raises as `usage_accept`."""
    upload = _decide(actor, upload, "discard")
    upload.store("state", "decided_by", "decided_at")
    audit.record(
        actor=actor, action="usage_discard", target=upload, after=upload.snapshot("site", "sha256", "state")
    )
    return upload


def _lock(site: Site) -> None:
    """One at a time at each site, so that no run is charged by two of its uploads."""
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)


def _decide(actor: User, upload: UsageUpload, action: str) -> UsageUpload:
    require_site(actor, upload.site)
    _lock(upload.site)
    uploads = UsageUpload.objects.select_for_update(of=("self",)).select_related("site", "key")
    upload = uploads.get(pk=upload.pk)
    upload.state = UPLOAD.target(state=upload.state, action=action)
    upload.decided_by, upload.decided_at = actor, clock.now()
    return upload


def _check_choice(verdict: Verdict, *, leave_wrong: bool, mark: str) -> None:
    if mark and mark != verdict.mark:
        raise IllegalState(
            _("Since you looked, some of these runs were accepted or changed."),
            remedy=_("Look at the rows once more, then accept them."),
        )
    if not verdict.good:
        raise Refused(
            _("No row of this table can be accepted."),
            remedy=_("Correct it, sign it and upload it again."),
            code="no_good_row",
        )
    if verdict.wrong and not leave_wrong:
        raise InvalidInput(
            _("%(wrong)d of the rows must be corrected first.") % {"wrong": verdict.wrong},
            field="leave_wrong",
            remedy=_(
                "Discard the upload and correct it, or say that the good rows are accepted without them."
            ),
            figures={"good": verdict.good, "wrong": verdict.wrong},
        )


def _check_not_undone(upload: UsageUpload, verdict: Verdict) -> None:
    """A signature stays good for ever, so a table that was charged once may add rows, but change none."""
    same = UsageUpload.objects.filter(site=upload.site, sha256=upload.sha256, state=UploadState.ACCEPTED)
    if verdict.changed and same.exists():
        raise IllegalState(
            _("This very table was accepted before, and some of its runs were corrected since."),
            remedy=_("Sign a table with the present figures."),
        )


def _charge(upload: UsageUpload, entries: tuple[Entry, ...]) -> None:
    runs = [
        UploadedRun(
            site=upload.site,
            run_id=entry.told.run_id,
            allocation=entry.allocation,
            person=entry.told.person,
            gpus=entry.told.gpus,
            started_at=entry.told.started_at,
            ended_at=entry.told.ended_at,
            state=entry.told.state,
            gpu_seconds=entry.told.gpu_seconds,
            upload=upload,
        )
        for entry in entries
    ]
    UploadedRun.objects.bulk_create(runs)
    ledger.charge_many([_charge_of(run) for run in runs if run.gpu_seconds])
    usage.usage_record_many(records=[_usage_of(run, entry) for run, entry in zip(runs, entries, strict=True)])


def _charge_of(run: UploadedRun) -> ledger.Charge:
    return ledger.Charge(
        allocation_code=run.allocation.code,
        run_key=run.key,
        gpu_seconds=run.gpu_seconds,
        key=f"charge:{run.key}",
    )


def _usage_of(run: UploadedRun, entry: Entry) -> UsageRecord:
    return UsageRecord(
        run_key=run.key,
        allocation=run.allocation,
        user=entry.user,
        login=entry.login,
        started_at=run.started_at,
        ended_at=run.ended_at,
        gpus=run.gpus,
        gpu_seconds=run.gpu_seconds,
        state=run.state,
    )


def _correct(upload: UsageUpload, entry: Entry) -> None:
    """Bring a run to what the site says of it now: ledger and usage get the difference."""
    run, told = entry.kept, entry.told
    if run is None:
        return
    difference = entry.difference
    reason = f"Upload {upload.code} tells {told.gpu_seconds} GPU-seconds instead of {run.gpu_seconds}."
    run.gpus, run.ended_at, run.gpu_seconds = told.gpus, told.ended_at, told.gpu_seconds
    if difference:
        _post_difference(upload, run, reason)
    usage.usage_correct(run_key=run.key, gpu_seconds=run.gpu_seconds, ended_at=run.ended_at, reason=reason)
    run.upload = upload
    run.store("gpus", "ended_at", "gpu_seconds", "upload")


def _post_difference(upload: UsageUpload, run: UploadedRun, reason: str) -> None:
    try:
        ledger.charge_correct(
            allocation_code=run.allocation.code,
            run_key=run.key,
            gpu_seconds=run.gpu_seconds,
            key=f"correct:{run.key}:{upload.code}",
            reason=reason,
        )
    except InvalidInput as error:
        if error.code != "no_charge":
            raise
        ledger.charge_many([_charge_of(run)])  # until now it had used nothing
