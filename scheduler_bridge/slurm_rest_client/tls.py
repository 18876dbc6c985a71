"""TLS with a site: whom we trust, who we are, and what a failed handshake means in plain words."""

import re
import ssl
from pathlib import Path
from typing import Final

from .errors import NeverSent
from .explanations import Explanation, gettext_noop


class TLSFailed(NeverSent):
    """No secure connection came about, so that no request was read by anybody."""

    def __init__(self, operation: str, reason: str, explanation: Explanation) -> None:
        super().__init__(operation, reason)
        self._explanation = explanation

    @property
    def explanation(self) -> Explanation:
        return self._explanation


_FILES: Final = Explanation(
    gettext_noop("A certificate file of the portal for this site can't be read."),
    gettext_noop(
        "Put a PEM file there that the portal's own user can read: see the page on the site's proxy."
    ),
)


def tls_context(*, ca: Path | None = None, client: Path | None = None) -> ssl.SSLContext:
    """A context that always checks the server's certificate and name.

    `ca`: the only authority that the server's certificate may come from; without it, the system's.
    `client`: our certificate and its key in one PEM file, for servers that ask who calls.
    Raises TLSFailed, naming the file, where one holds no certificate or can't be read.
    """
    try:
        name = ca and ca.name
        context = ssl.create_default_context(cafile=ca)
        name = client and client.name
        if client is not None:
            # A key with a password fails instead of asking at a terminal.
            context.load_cert_chain(client, password=lambda: b"")
    except OSError as error:  # SSLError is one
        reason = "not what it should hold" if isinstance(error, ssl.SSLError) else error.strerror
        raise TLSFailed("connect", f"{name}: {reason}", _FILES) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


_UNKNOWN_CA: Final = Explanation(
    gettext_noop(
        "The certificate of the site's proxy was not issued by the authority that the portal trusts."
    ),
    gettext_noop("Put the certificate of the site's authority beside the cluster's key, named .ca.pem."),
)
_EXPIRED: Final = Explanation(
    gettext_noop("The certificate of the site's proxy has expired, or is not valid yet."),
    gettext_noop("Ask the site to renew its proxy's certificate, and check the portal's clock."),
)
_WRONG_NAME: Final = Explanation(
    gettext_noop("The certificate of the site's proxy is for another host name than the cluster's address."),
    gettext_noop("Correct the cluster's address, or ask the site for a certificate with this name."),
)
_BAD_CERTIFICATE: Final = Explanation(
    gettext_noop("The certificate of the site's proxy could not be verified."),
    gettext_noop("Ask the site to check its proxy's certificate and the chain that it sends."),
)
_CLIENT_MISSING: Final = Explanation(
    gettext_noop("The site's proxy asks for the portal's certificate and got none."),
    gettext_noop("Put the portal's certificate and its key beside the cluster's key, named .client.pem."),
)
_CLIENT_REFUSED: Final = Explanation(
    gettext_noop("The site's proxy refused the portal's certificate."),
    gettext_noop(
        "Renew the portal's certificate if it has expired; else ask the site which authority it trusts."
    ),
)
_NO_TLS: Final = Explanation(
    gettext_noop("No secure connection came about: the other side does not speak TLS as the portal does."),
    gettext_noop("Check that the address and port are those of the site's proxy; it needs TLS 1.2 or later."),
)

# X509_V_ERR_* of OpenSSL.
_BY_VERIFY_CODE: Final = {9: _EXPIRED, 10: _EXPIRED, 62: _WRONG_NAME, 64: _WRONG_NAME} | dict.fromkeys(
    (2, 18, 19, 20, 21), _UNKNOWN_CA
)
# Alerts by which a server refuses our certificate. It reads no request before it has accepted us, even where
# TLS 1.3 lets us send one at once, and none of them can come once it has.
_CLIENT_ALERT: Final = re.compile(
    r"ALERT_(CERTIFICATE_(REQUIRED|EXPIRED|REVOKED|UNKNOWN)|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)"
)


def tls_failure(operation: str, error: BaseException, *, connecting: bool) -> TLSFailed | None:
    """What `error` means if TLS was its cause and no request can have been read, else None.

    `connecting`: it came before the handshake was done on our side.
    """
    cause = _tls_cause(error)
    if cause is None:
        return None
    name = (cause.reason or "unknown").lower().replace("_", " ")
    if isinstance(cause, ssl.SSLCertVerificationError):
        explanation = _BY_VERIFY_CODE.get(cause.verify_code, _BAD_CERTIFICATE)
        return TLSFailed(operation, f"TLS: {cause.verify_message}", explanation)
    if _CLIENT_ALERT.search(cause.reason or ""):
        missing = "CERTIFICATE_REQUIRED" in (cause.reason or "")
        return TLSFailed(operation, f"TLS: {name}", _CLIENT_MISSING if missing else _CLIENT_REFUSED)
    return TLSFailed(operation, f"TLS: {name}", _NO_TLS) if connecting else None


def _tls_cause(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
