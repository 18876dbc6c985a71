"""The only writers of requests and decisions."""

from allocations.programme.services.attachments import attachment_add, attachment_remove
from allocations.programme.services.decisions import (
    request_approve,
    request_decide,
    request_decline,
    request_return,
)
from allocations.programme.services.reopening import request_reopen
from allocations.programme.services.requests import (
    request_submit,
    request_withdraw,
)
from allocations.programme.services.steps import (
    consent_answer,
    step_close,
    step_finish,
    steps_advance,
    steps_sweep,
)
from allocations.programme.services.talk import conflict_declare, message_write
from allocations.programme.services.waiting import waiting_serve, waiting_withdraw
from allocations.programme.services.writing import Line, Run, request_create, request_update

__all__ = [
    "Line",
    "Run",
    "attachment_add",
    "attachment_remove",
    "conflict_declare",
    "consent_answer",
    "message_write",
    "request_approve",
    "request_create",
    "request_decide",
    "request_decline",
    "request_reopen",
    "request_return",
    "request_submit",
    "request_update",
    "request_withdraw",
    "step_close",
    "step_finish",
    "steps_advance",
    "steps_sweep",
    "waiting_serve",
    "waiting_withdraw",
]
