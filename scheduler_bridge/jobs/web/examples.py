"""The script with which the form begins."""

from allocations.awards.models import Allocation

BODY = """\
echo "Job $TAQSEEM_JOB runs on $(hostname)"
nvidia-smi -L || echo "No GPU can be seen here"
sleep 60
"""


def example_script(allocation: Allocation | None) -> str:
    """A short script that runs anywhere; with an allocation, it says where that is."""
    where = ""
    if allocation is not None:
        resource = allocation.resource
        where = (
            f"# {resource.site}: {resource.gpu_model}, up to {resource.max_gpus_per_job} GPUs a job.\n"
            "# It starts in your home directory there. Put your own program in place of sleep, such as:\n"
            "#   python3 train.py\n"
        )
    return f"#!/bin/bash\n{where}{BODY}"
