"""The only writers of requests and decisions."""

from allocations.programme.services._gate import require_round
from allocations.programme.services.attachments import attachment_add, attachment_remove
from allocations.programme.services.bulk import call_decide
from allocations.programme.services.calls import (
    call_budget_set,
    call_create,
    call_document_add,
    call_document_remove,
    call_publish,
    call_publish_results,
    call_update,
)
from allocations.programme.services.consents import consent_ask
from allocations.programme.services.decisions import (
    request_approve,
    request_decide,
    request_decline,
    request_return,
)
from allocations.programme.services.merging import draft_save
from allocations.programme.services.reopening import request_award_rest, request_reopen
from allocations.programme.services.requests import (
    request_submit,
    request_withdraw,
)
from allocations.programme.services.steps import (
    consent_answer,
    require_still_open,
    step_close,
    step_finish,
    steps_advance,
    steps_sweep,
)
from allocations.programme.services.talk import conflict_declare, message_write
from allocations.programme.services.tracks import rubric_create, track_change, track_set_open
from allocations.programme.services.waiting import waiting_serve, waiting_withdraw
from allocations.programme.services.writing import Line, Run, request_create, request_update

__all__ = [
    "Line",
    "Run",
    "attachment_add",
    "attachment_remove",
    "call_budget_set",
    "call_create",
    "call_decide",
    "call_document_add",
    "call_document_remove",
    "call_publish",
    "call_publish_results",
    "call_update",
    "conflict_declare",
    "consent_answer",
    "consent_ask",
    "draft_save",
    "message_write",
    "request_approve",
    "request_award_rest",
    "request_create",
    "request_decide",
    "request_decline",
    "request_reopen",
    "request_return",
    "request_submit",
    "request_update",
    "request_withdraw",
    "require_round",
    "require_still_open",
    "rubric_create",
    "step_close",
    "step_finish",
    "steps_advance",
    "steps_sweep",
    "track_change",
    "track_set_open",
    "waiting_serve",
    "waiting_withdraw",
]
