"""The way to the cluster, and who speaks there: what the preflight's findings say (see `catalogue`)."""

from django.utils.translation import gettext_noop as _

from scheduler_bridge.sites.preflight.lines import Result, Who, Words

_P, _W, _F, _U = Result.PASSED, Result.WARNING, Result.FAILED, Result.UNTRIED

WORDS: dict[str, dict[str, Words]] = {
    "transport": {
        "tls": Words(_P, _("The address is https.")),
        "loopback": Words(_P, _("The address is on the portal's own machine.")),
        "plain": Words(
            _F,
            _("The address is plain http over a network: whoever listens can read tokens and scripts."),
            _("Put slurmrestd behind TLS (a proxy at the site, or a tunnel) and enter the https address."),
            Who.SLURM,
        ),
    },
    "reachable": {
        "ok": Words(_P, _("%(host)s answers on port %(port)s.")),
        "unknown_host": Words(
            _F,
            _("Nobody knows the name %(host)s."),
            _("Check the spelling of the address; if it is right, publish the name in the DNS."),
            Who.NETWORK,
        ),
        "refused": Words(
            _F,
            _("%(host)s refuses connections on port %(port)s."),
            _("Start slurmrestd or the proxy before it, and check the port."),
            Who.SLURM,
        ),
        "timeout": Words(
            _F,
            _("%(host)s doesn't answer on port %(port)s."),
            _("Open the way from the portal's address to this port in the site's firewall."),
            Who.NETWORK,
        ),
        "tls": Words(
            _F,
            _("The encrypted connection to %(host)s fails (%(reason)s). %(cause)s"),
            "%(advice)s",
            Who.NETWORK,
        ),
        "unreachable": Words(
            _F,
            _("There is no way to %(host)s: %(reason)s"),
            _("Check the route and the firewall between the portal and the site."),
            Who.NETWORK,
        ),
    },
    "versions": {
        "ok": Words(_P, _("Slurm %(release)s speaks %(versions)s; %(best)s is used.")),
        "none": Words(
            _F,
            _("The cluster speaks none of the versions that the portal knows: %(known)s."),
            _("Start slurmrestd with one of them (22.05 to 23.11: -s openapi/v0.0.38,openapi/dbv0.0.38)."),
            Who.SLURM,
        ),
        "no_slurm": Words(
            _F,
            _("What answers there isn't slurmrestd: %(reason)s"),
            _("Check address and port, and what the proxy passes on."),
            Who.SLURM,
        ),
    },
    "token": {
        "ok": Words(_P, _("Slurm accepts the portal's token for %(login)s.")),
        "no_key": Words(
            _F,
            _("The signing key %(key)s can't be read."),
            _(
                "Put the cluster's jwt_hs256.key under this name into the folder of keys, readable to the "
                "portal."
            ),
            Who.OPERATOR,
        ),
        "bad_key": Words(
            _F,
            _("The signing key %(key)s is too short to be one."),
            _("Copy the cluster's jwt_hs256.key again, as bytes: 32 or more."),
            Who.OPERATOR,
        ),
        "wrong_key": Words(
            _F,
            _(
                "Slurm rejects the token, also one that lives for 15 minutes: the key isn't the cluster's, "
                "or its clock is further ahead."
            ),
            _(
                "Copy the file that AuthAltParameters=jwt_key= names at the cluster to %(key)s, and set both "
                "clocks by NTP."
            ),
            Who.OPERATOR,
        ),
        "clock": Words(
            _F,
            _("Slurm accepts only tokens that live long: for its clock ours have expired already."),
            _("Set both clocks by NTP; the line about the clocks says which one is off and by how much."),
            Who.SLURM,
        ),
        "controller": Words(
            _F,
            _("slurmrestd answers, but doesn't reach slurmctld: %(reason)s"),
            _("Start slurmctld, or correct SlurmctldHost where slurmrestd runs."),
            Who.SLURM,
        ),
    },
    "clock": {
        "ok": Words(_P, _("The clocks differ by %(seconds)s s at most.")),
        "skewed": Words(
            _W,
            _("The clock of %(whose)s differs from the portal's by %(seconds)s s."),
            _("Set the clocks by NTP; from %(most)s s on tokens would fail."),
            Who.SLURM,
        ),
        "broken": Words(
            _F,
            _(
                "The clock of %(whose)s differs from the portal's by %(seconds)s s; at most %(most)s s can "
                "be borne."
            ),
            _("Set the clocks by NTP (chrony) at the site and where the portal runs."),
            Who.SLURM,
        ),
    },
    "speaker": {
        "ok": Words(_P, _("%(login)s is neither root nor the user that Slurm runs as.")),
        "powerful": Words(
            _F,
            _(
                "%(login)s is root or the user that Slurm runs as: a lost token would give the whole cluster "
                "away."
            ),
            _("Make a Linux user of its own, such as tqportal, with AdminLevel=Administrator, and enter it."),
            Who.SLURM,
        ),
    },
}
