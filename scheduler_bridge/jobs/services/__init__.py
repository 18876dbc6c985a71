"""The only writers of jobs on people's behalf."""

from scheduler_bridge.jobs.services.cancel import job_cancel, jobs_of_the_gone_cancel
from scheduler_bridge.jobs.services.submit import job_cost, job_submit

__all__ = ["job_cancel", "job_cost", "job_submit", "jobs_of_the_gone_cancel"]
