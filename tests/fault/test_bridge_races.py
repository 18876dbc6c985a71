"""What happens at once: senders, looks, polls and ends of allocations, against one job."""

from datetime import timedelta

import msgspec
import pytest

from allocations.awards.services import allocation_revoke
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from scheduler_bridge import tasks
from scheduler_bridge.accounting import poll as polling
from scheduler_bridge.dispatch import results
from scheduler_bridge.dispatch.cancel import cancel_requested
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.dispatch.lookup import expire_leases, resolve
from scheduler_bridge.dispatch.send import Answer, send
from scheduler_bridge.jobs.services import job_cancel
from scheduler_bridge.models import Job, SiteLogin
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import JobState as SlurmState
from scheduler_bridge.slurm_rest_client import Listing, Unavailable
from scheduler_bridge.transitions import AttemptOutcome

pytestmark = pytest.mark.django_db


def fall_silent(job: Job) -> None:
    """The sender's lease runs out."""
    Job.objects.filter(pk=job.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    assert expire_leases() == 1


def again(job: Job) -> Job:
    job.refresh_from_db()
    return job


def test_a_refusal_that_comes_late_ends_the_job_and_no_others_answer_is_lost(stage):
    late, other = stage.submit(), stage.submit()
    claims = {claim.job.pk: claim for claim in claim_batch(stage.cluster, limit=2)}
    fall_silent(late)
    results.write(
        [
            Answer(claims[late.pk], AttemptOutcome.REFUSED, "No."),
            Answer(claims[other.pk], AttemptOutcome.ACCEPTED, slurm_job_id=77),
        ]
    )
    assert (again(late).state, late.uncertain_since) == ("refused", None)
    assert again(other).state == "queued"
    assert stage.balances.held == other.most_gpu_seconds


def test_a_late_shrug_takes_nothing_back_from_what_was_found(stage):
    job = stage.submit()
    [claim] = claim_batch(stage.cluster, limit=1)
    send(claim)
    fall_silent(job)
    assert resolve(stage.cluster) == 1
    results.write([Answer(claim, AttemptOutcome.UNCLEAR, "Too slow.")])
    attempt = job.attempts.get()
    assert again(job).state == "queued"
    assert (attempt.outcome, attempt.slurm_job_id) == ("found", job.slurm_job_id)


def test_a_job_sent_while_the_list_was_on_its_way_isnt_lost(stage, monkeypatch):
    first = stage.submit()
    stage.drain()
    late = stage.submit()
    client = client_for(stage.cluster)
    listing = client.list_jobs

    def slow(token):
        answer = listing(token)
        stage.drain()
        return answer

    monkeypatch.setattr(client, "list_jobs", slow)
    polling.poll(stage.cluster)
    assert again(late).state == "queued"
    assert again(first).state in {"queued", "running"}


def test_cancelled_after_a_try_that_came_to_nothing(stage):
    """The dead cluster that it couldn't be sent to needn't come back for that."""
    job = stage.submit()
    stage.cluster.url = "http://127.0.0.1:9"
    stage.cluster.save()
    stage.drain()
    assert again(job).state == "approved"
    job_cancel(actor=stage.cast.pi, job=job)
    assert again(job).state == "cancelled"
    assert stage.balances.held == 0


def test_an_allocation_that_ends_lets_go_of_what_waits(stage):
    """Else its hold stayed for ever and the allocation never closed."""
    job = stage.submit()
    allocation_revoke(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Misuse")
    assert stage.drain() == 0
    assert again(job).state == "refused"
    assert "ended" in job.reason
    assert stage.balances.held == 0


def test_an_allocation_that_ends_takes_its_queued_jobs_back(stage):
    """Slurm would keep them pending for ever."""
    job = stage.submit()
    stage.drain()
    client = client_for(stage.cluster)
    [live] = client.list_jobs(operator_token(stage.cluster))
    allocation_revoke(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Misuse")
    pending = msgspec.structs.replace(live, state=SlurmState.PENDING, start_time=None)
    polling._update([job.pk], {pending.job_id: pending}, complete=True)
    assert again(job).cancel_requested_at is None, "not before Slurm is known to start nothing more"
    reconcile(stage.fresh_allocation())
    polling._update([job.pk], {pending.job_id: pending}, complete=True)
    assert again(job).cancel_requested_at


def test_a_job_never_runs_as_somebody_else(stage):
    """The login was linked to the wrong person, and the site put that right while the job waited."""
    job = stage.submit()
    SiteLogin.objects.filter(login=job.login).update(user=stage.cast.member)
    reconcile(stage.fresh_allocation())
    assert stage.drain() == 0
    assert stage.copies(job) == 0
    assert again(job).state == "refused"
    assert "login" in job.reason
    assert stage.balances.held == 0


def test_who_has_left_the_project_sends_nothing_more(stage):
    ProjectMember.objects.filter(project=stage.cast.project, user=stage.cast.member).delete()
    ProjectMember.objects.create(project=stage.cast.project, user=stage.cast.member, role="member")
    job = stage.submit(actor=stage.cast.member)
    ProjectMember.objects.filter(project=stage.cast.project, user=stage.cast.member).delete()
    assert stage.drain() == 0
    assert again(job).state == "refused"
    assert stage.balances.held == 0


@pytest.mark.parametrize("behind", [600, -600])
def test_a_cluster_whose_clock_is_wrong_is_searched_far_enough_back(stage, monkeypatch, behind):
    """Ten minutes behind: what ran at once had, by its own clock, ended before the attempt was made."""
    job = stage.submit()
    [claim] = claim_batch(stage.cluster, limit=1)
    fall_silent(job)
    client, asked = client_for(stage.cluster), []
    diag = client.diag(operator_token(stage.cluster))
    skewed = msgspec.structs.replace(diag, server_time=int(clock.now().timestamp()) - behind)
    monkeypatch.setattr(client, "diag", lambda _: skewed)
    monkeypatch.setattr(client, "accounting_jobs", lambda *args: asked.append(args) or Listing(()))
    resolve(stage.cluster)
    [(_token, _name, since, until)] = asked
    made = int(claim.attempt.created_at.timestamp())
    assert since <= made - max(behind, 0) - 60
    assert until > skewed.server_time


def test_a_fault_in_one_kind_of_work_keeps_no_other_waiting(stage, monkeypatch):
    """Were polling broken, usage would be charged all the same."""
    done = []
    monkeypatch.setattr(tasks, "poll", lambda _: 1 / 0)
    monkeypatch.setattr(tasks, "ingest", lambda cluster: done.append(cluster) or 0)
    tasks.follow(stage.cluster.code)
    assert done == [stage.cluster]


def test_a_new_secret_key_disowns_nothing(stage, settings):
    """Else a lost answer on that day would send the job twice."""
    job = stage.submit()
    [claim] = claim_batch(stage.cluster, limit=1)
    send(claim)
    fall_silent(job)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "quite another"
    resolve(stage.cluster)
    assert again(job).state == "queued"


def test_where_keys_lie_is_nobodys_business(stage):
    job = stage.submit()
    stage.cluster.signer = "/nowhere/at/all.key"
    stage.cluster.save()
    stage.drain()
    assert again(job).state == "approved"
    assert "sign" in job.reason
    assert "/nowhere" not in job.reason + job.attempts.get().answer


def test_a_dead_cluster_is_asked_once_a_round_to_cancel(stage, monkeypatch):
    """Each call may take 18 seconds, and a worker with it."""
    for job in (stage.submit(), stage.submit()):
        stage.drain()
        job_cancel(actor=stage.cast.pi, job=again(job))
    asked = []
    client = client_for(stage.cluster)

    def dead(_token, job_id):
        asked.append(job_id)
        raise Unavailable("get_job", "slurmctld is away")

    monkeypatch.setattr(client, "get_job", dead)
    with pytest.raises(Unavailable):
        cancel_requested(stage.cluster)
    assert len(asked) == 1
