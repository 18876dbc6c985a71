"""Which tone a state speaks in. One table for all state machines: a state means the same everywhere."""

TONES: dict[str, tuple[str, ...]] = {
    "neutral": (
        "draft",
        "assigned",
        "closed",
        "discarded",
        "ended",
        "expired",
        "withdrawn",
        "cancelled",
        "recused",
        "skipped",
        "inactive",
        "over",
    ),
    "info": (
        "submitted",
        "under_review",
        "filed",
        "provisioning",
        "dispatching",
        "queued",
        "running",
        "coming",
        "asked",
        "open",
        "waiting",
    ),
    "success": (
        "approved",
        "done",
        "active",
        "completed",
        "upheld",
        "verified",
        "accepted",
        "confirmed",
        "passed",
        "given",
        "presumed",
        "served",
    ),
    "warning": (
        "returned",
        "requested",
        "due",
        "awaiting_approval",
        "checked",
        "proposed",
        "pending",
        "suspended",
        "uncertain",
        "preempted",
        "exhausted",
        "lapsed",
    ),
    "danger": (
        "declined",
        "rejected",
        "refused",
        "dismissed",
        "failed",
        "timeout",
        "out_of_memory",
        "node_fail",
        "revoked",
        "lost",
        "ongoing",
    ),
}
_TONE_OF = {state: tone for tone, states in TONES.items() for state in states}


def tone_of(state: str) -> str:
    """The badge tone of a state's value; neutral for one that the table doesn't know."""
    return _TONE_OF.get(str(state), "neutral")
