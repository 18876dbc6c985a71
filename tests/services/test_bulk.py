"""Many rows changed by one statement."""

from datetime import timedelta

import pytest

from portal.foundation import clock
from portal.foundation.bulk import store_all
from scheduler_bridge.models import Job
from tests.bridge_stage import Stage
from tests.job_rows import plant_jobs


@pytest.mark.django_db
def test_each_row_gets_its_own_values_and_nothing_else_changes(stage: Stage, django_assert_num_queries):
    jobs = plant_jobs(stage, 3)
    for number, job in enumerate(jobs):
        job.reason = f'it\'s {number}; \\ "%s"'
        job.slurm_job_id = number or None
        job.not_before = clock.now() + timedelta(hours=number)
        job.title = "never stored"
    with django_assert_num_queries(1):
        store_all(jobs, "reason", "slurm_job_id", "not_before")
    stored = list(Job.objects.filter(pk__in=[job.pk for job in jobs]).order_by("pk"))
    for job, row in zip(jobs, stored, strict=True):
        assert (row.reason, row.slurm_job_id, row.not_before) == (
            job.reason,
            job.slurm_job_id,
            job.not_before,
        )
        assert row.title != "never stored"
        assert row.updated_at == job.updated_at


@pytest.mark.django_db
def test_the_state_machine_still_guards(stage: Stage):
    from django.db import DatabaseError

    [job] = plant_jobs(stage, 1)
    job.state = "running"
    with pytest.raises(DatabaseError):
        store_all([job], "state")


@pytest.mark.django_db
def test_nothing_to_store_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        store_all([], "reason")
