"""What Slurm and the bridge say, for people."""

from django import template

from scheduler_bridge.jobs.reasons import in_a_line

register = template.Library()


@register.filter
def plainly(reason: str) -> str:
    """A stored reason or error in the reader's language, with its remedy."""
    return in_a_line(reason)
