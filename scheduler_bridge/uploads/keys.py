"""The public keys by which a site's uploads are known to be its own."""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from datacenters.models import Site
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.people.models import User
from scheduler_bridge.models import UsageKey

SIGNATURE_BYTES = 64


@transaction.atomic
def usage_key_register(*, actor: User, site: Site, name: str, public_key: str) -> UsageKey:
    """Let what this key signs count as the site's word. For its managers.

    Raises NotAllowed, SecondFactorNeeded, IllegalState (bridged site, key known), InvalidInput (name,
    public_key).
    """
    require_site(actor, site)
    if not name.strip() or len(name) > 80:
        raise InvalidInput(_("Name the key, in 80 letters at most."), field="name")
    key = _loaded(public_key)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    made = UsageKey(
        site=site,
        name=name.strip(),
        public_key=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        fingerprint=hashlib.sha256(der).hexdigest(),
        registered_by=actor,
    )
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise IllegalState(
            _("This key was registered before."), field="public_key", remedy=_("Make a new one.")
        ) from error
    audit.record(
        actor=actor,
        action="usage_key_register",
        target=site,
        after=made.snapshot("code", "name", "fingerprint"),
    )
    return made


@transaction.atomic
def usage_key_revoke(*, actor: User, key: UsageKey, reason: str) -> UsageKey:
    """From now on nothing that it signed is taken; what was accepted stays. Needs a reason.

    Raises NotAllowed, SecondFactorNeeded, InvalidInput, IllegalState.
    """
    key = UsageKey.objects.select_for_update(of=("self",)).select_related("site").get(pk=key.pk)
    require(actor, "datacenters.manage_site", key.site)
    require_second_factor(actor)
    if not reason.strip():
        raise InvalidInput(_("Say why the key is revoked."), field="reason")
    if key.revoked_at:
        raise IllegalState(_("This key is revoked already."))
    key.revoked_at, key.revoked_by, key.reason = clock.now(), actor, reason.strip()
    key.store("revoked_at", "revoked_by", "reason")
    audit.record(
        actor=actor,
        action="usage_key_revoke",
        target=key.site,
        before=key.snapshot("code", "name", "fingerprint"),
        reason=key.reason,
    )
    return key


def require_site(actor: User, site: Site) -> None:
    """Who runs an unbridged site. Raises NotAllowed, SecondFactorNeeded, IllegalState."""
    require(actor, "datacenters.manage_site", site)
    require_second_factor(actor)
    if not site.is_unbridged:
        raise IllegalState(
            _("%(site)s isn't unbridged: its usage is read from Slurm.") % {"site": site},
            field="site",
            remedy=_("Only sites without Slurm upload their usage."),
        )


def signing_key(site: Site, content: bytes, signature: bytes) -> UsageKey:
    """The site's key that made `signature` (64 bytes, or those in base64) over `content`.

    Raises InvalidInput (field `signature`) where none that is in force did.
    """
    keys = list(UsageKey.objects.filter(site=site, revoked_at=None))
    if not keys:
        raise InvalidInput(
            _("No key of %(site)s is in force.") % {"site": site},
            field="signature",
            remedy=_("Register the public key under “Keys” first."),
        )
    raw = _raw(signature)
    for key in keys:
        try:
            _loaded(key.public_key).verify(raw, content)
        except InvalidSignature:
            continue
        return key
    raise InvalidInput(
        _("None of the site's keys made this signature over this file."),
        field="signature",
        remedy=_("Sign the file once more, just as it is: any change to it, even of line ends, breaks it."),
    )


def _raw(signature: bytes) -> bytes:
    if len(signature) == SIGNATURE_BYTES:
        return signature
    try:
        raw = base64.b64decode(b"".join(signature.split()), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != SIGNATURE_BYTES:
        raise InvalidInput(
            _("This is no Ed25519 signature: it has 64 bytes."),
            field="signature",
            remedy=_("Upload the file that “openssl pkeyutl -sign” wrote."),
        )
    return raw


def _loaded(pem: str) -> Ed25519PublicKey:
    if "PRIVATE KEY" in pem:
        raise InvalidInput(
            _("This is a private key. It was not kept."),
            field="public_key",
            remedy=_("Make a new pair, for this one has left the site, and register only its public half."),
        )
    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key()
    return key


def _no_key() -> InvalidInput:
    return InvalidInput(
        _("This is no Ed25519 public key in PEM."),
        field="public_key",
        remedy=_("Paste all that “openssl pkey -in key.pem -pubout” prints."),
    )
