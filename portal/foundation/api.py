"""What every API view of the house shares: paging, scoping to the viewer, idempotent writes."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, ClassVar

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.models import IdempotencyKey

# Replies that say nothing lasting about the request; the next try runs afresh.
FORGOTTEN = {401, 403, 404, 409, 429}
READING = {"GET", "HEAD", "OPTIONS"}


def given(shape: Any, request: Request) -> dict[str, Any]:
    """The body in the shape of the serializer `shape`. Raises ValidationError."""
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    fields: dict[str, Any] = serializer.validated_data
    return fields


class IdempotentWrites:
    """A write with an `Idempotency-Key` header is done once; its repeats get the first reply.

    Key, effect and reply are one transaction: a server that dies midway leaves none of them. A repeat that
    comes while the first is at work waits for it, up to the lock timeout (503). The same key with another
    body is refused with 409.
    """

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self._idempotency: IdempotencyKey | None = None
        if request.method in READING or "Idempotency-Key" not in request.headers:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        with transaction.atomic():
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get("Idempotency-Key", "")
        if request.method in READING or not key:
            return
        if len(key) > 100:
            raise InvalidInput(
                _("The Idempotency-Key is longer than 100 characters."), field="Idempotency-Key"
            )
        self._idempotency = self._claim(request, key)

    def _claim(self, request: Request, key: str) -> IdempotencyKey:
        # The parsed data is what counts; the raw stream can be read only once.
        body = json.dumps(request.data, sort_keys=True, default=str)
        source = f"{request.method} {request.get_full_path()}\n{body}"
        fingerprint = hashlib.sha256(source.encode()).hexdigest()
        person = getattr(request.user, "code", "")
        try:
            with transaction.atomic():
                return IdempotencyKey.objects.create(user_code=person, key=key, fingerprint=fingerprint)
        except IntegrityError:
            earlier = IdempotencyKey.objects.get(user_code=person, key=key)
        if earlier.fingerprint != fingerprint:
            raise IllegalState(
                _("This Idempotency-Key was used for another request."), remedy=_("Use a new key.")
            )
        raise Replay(earlier)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Replay):
            return Response(exc.kept.reply, status=exc.kept.status, headers={"Idempotent-Replay": "true"})
        return super().handle_exception(exc)  # type: ignore[misc, no-any-return]

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if self._idempotency is not None:
            if response.status_code >= 500:
                transaction.set_rollback(True)  # nothing was done, and nothing is remembered
            else:
                self._keep(self._idempotency, response)
            self._idempotency = None
        return response

    @staticmethod
    def _keep(entry: IdempotencyKey, response: Response) -> None:
        if response.status_code in FORGOTTEN:
            entry.delete()
            return
        entry.status = response.status_code
        entry.reply = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
        entry.save(update_fields=["status", "reply"])


class Replay(Exception):
    """Carries a kept reply out of `initial`."""

    def __init__(self, kept: IdempotencyKey) -> None:
        self.kept = kept
        super().__init__(kept.key)


class ScopedViewSet(IdempotentWrites, GenericViewSet[Any]):
    """A viewset over what the viewer may see.

    `selector` is the room's `visible_to(user)`; what it leaves out is 404, like what doesn't exist.
    Objects are looked up by public code.
    """

    lookup_field = "code"
    lookup_value_regex = r"[a-z0-9][a-z0-9-]*"
    selector: ClassVar[Callable[[Any], models.QuerySet[Any]]]

    def get_queryset(self) -> models.QuerySet[Any]:
        # Read from the class, where it is a plain function, not a bound method.
        return type(self).selector(self.request.user)
