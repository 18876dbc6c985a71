"""What the fields of this room take, beyond what Django checks. Each raises ValidationError."""

import ipaddress
import os
import socket
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.foundation.clock import Quarter

# A public code, as it stands in addresses, where “new” is the form for another one.
check_code = RegexValidator(
    r"\A(?!new\Z)[a-z0-9][a-z0-9-]*\Z",
    gettext_lazy("Use small letters, digits and hyphens, such as astrolabe-ned."),
)
# A name as Slurm takes it; it goes into job descriptions, so nothing else may hide in it.
check_slurm_name = RegexValidator(
    r"\A[A-Za-z0-9_][A-Za-z0-9_.-]*\Z",
    gettext_lazy("Use letters, digits, dots, hyphens and underscores, as in Slurm."),
)


def check_cluster_url(value: str) -> None:
    """http(s)://host:port and nothing more; never a link-local address (the metadata service of clouds)."""
    try:
        parts = urlsplit(value)
        # As the socket will have it: full-width digits, say, are turned into plain ones.
        host, _port = (parts.hostname or "").encode("idna").decode().rstrip("."), parts.port
    except ValueError as error:
        raise ValidationError(_("This is no address: write it like http://127.0.0.1:6820.")) from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ValidationError(_("Write the address like http://127.0.0.1:6820."))
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValidationError(_("Leave out login, path and query: only scheme, host and port."))
    address = _address(host)
    if address and (address.is_link_local or address.is_multicast or address.is_unspecified):
        raise ValidationError(_("No cluster can stand at this address."))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the host is, in any form that the system's own library takes; None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:  # 2852039166, 0xa9fea9fe and 169.254.43518 are addresses too
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address


# Files there are the machine's or the portal's own, never a cluster's key.
NO_KEYS_BELOW = ("/proc", "/sys", "/dev", "/run/secrets")


def check_signer(value: str) -> None:
    """A plain file name under KEYS_DIR, or an absolute path without detours, wherever its links lead."""
    path = PurePosixPath(value)
    plain = path.name == value
    direct = path.root == "/" and str(path) == value and ".." not in path.parts
    if "\0" in value or not (plain or direct) or value in {".", ".."}:
        raise ValidationError(_("Give a file name under the key folder, or an absolute path."))
    if direct:
        real = PurePosixPath(os.path.realpath(value))
        if any(one.is_relative_to(folder) for one in (path, real) for folder in NO_KEYS_BELOW):
            raise ValidationError(_("No cluster's key lies there: put it in the key folder."))


def check_quarter(value: str) -> None:
    try:
        Quarter.parse(value)
    except ValueError as error:
        raise ValidationError(_("Write the quarter like 2026Q4.")) from error
