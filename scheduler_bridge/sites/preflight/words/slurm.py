"""What Slurm itself is and does: what the preflight's findings say (see `catalogue`)."""

from django.utils.translation import gettext_noop as _

from scheduler_bridge.sites.preflight.lines import Result, Who, Words

_P, _W, _F, _U = Result.PASSED, Result.WARNING, Result.FAILED, Result.UNTRIED

WORDS: dict[str, dict[str, Words]] = {
    "cluster_name": {
        "ok": Words(_P, _("The cluster calls itself %(name)s.")),
        "other": Words(
            _F,
            _("The cluster calls itself %(found)s, here it is entered as %(name)s."),
            _("Enter ClusterName as it stands in slurm.conf."),
            Who.MANAGER,
        ),
        "unknown": Words(
            _F,
            _("slurmdbd knows no cluster %(name)s; it knows %(found)s."),
            _("Enter ClusterName as it stands in slurm.conf, or add it: sacctmgr add cluster %(name)s."),
            Who.SLURM,
        ),
    },
    "rights": {
        "ok": Words(_P, _("%(login)s (%(level)s) wrote the Slurm account %(account)s and read it back.")),
        "missing": Words(
            _F,
            _("Slurm's accounting doesn't know the user %(login)s."),
            _("sacctmgr add user %(login)s account=root adminlevel=Administrator"),
            Who.SLURM,
        ),
        "low": Words(
            _F,
            _("%(login)s may not write Slurm accounts: its AdminLevel is %(level)s."),
            _("sacctmgr modify user %(login)s set adminlevel=Administrator"),
            Who.SLURM,
        ),
        "no_linux_user": Words(
            _F,
            _(
                "%(login)s has AdminLevel %(level)s, and yet may not write: slurmdbd's machine may not know "
                "it."
            ),
            _("Make the Linux user %(login)s where slurmctld and slurmdbd run."),
            Who.SLURM,
        ),
        "not_written": Words(
            _F,
            _("Slurm said yes and didn't keep the Slurm account %(account)s: %(reason)s"),
            _("Look into the log of slurmdbd."),
            Who.SLURM,
        ),
        "no_dbd": Words(
            _F,
            _("slurmrestd doesn't reach slurmdbd: %(reason)s"),
            _("Start slurmdbd with AuthAltTypes=auth/jwt and the same key as slurmctld."),
            Who.SLURM,
        ),
    },
    "service": {
        "ok": Words(
            _P, _("%(calls)s calls: %(median)s ms in the median, %(worst)s ms at worst; backlog %(queue)s.")
        ),
        "slow": Words(
            _W,
            _("%(calls)s calls: %(median)s ms in the median, %(worst)s ms at worst; backlog %(queue)s."),
            _("See whether slurmctld is overloaded (sdiag) or the way to it is slow."),
            Who.SLURM,
        ),
        "backlog": Words(
            _W,
            _("slurmctld has %(queue)s messages for slurmdbd waiting: accounting comes late."),
            _("See that slurmdbd and its database run and keep up."),
            Who.SLURM,
        ),
    },
    "gpu_tracked": {
        "ok": Words(_P, _("Slurm's accounting counts gres/gpu.")),
        "not": Words(
            _F,
            _(
                "Slurm's accounting doesn't count gres/gpu: every job would read 0 GPU-hours, and no budget "
                "would hold."
            ),
            _("Add AccountingStorageTRES=gres/gpu to slurm.conf and restart slurmctld."),
            Who.SLURM,
        ),
    },
    "partitions": {
        "ok": Words(_P, _("There and open: %(names)s.")),
        "no_resource": Words(
            _W,
            _("No resource of the portal is on this cluster yet."),
            _("Add a resource of this site: it names the partition and the GPU type."),
            Who.MANAGER,
        ),
        "missing": Words(
            _F,
            _("The cluster has no partition %(names)s."),
            _("Correct the partition of the resource, or make it in slurm.conf."),
            Who.MANAGER,
        ),
        "down": Words(
            _F,
            _("The partition isn't open: %(names)s."),
            _("scontrol update PartitionName=%(first)s State=UP"),
            Who.SLURM,
        ),
    },
    "gpus": {
        "ok": Words(_P, _("Nodes carry what is promised: %(found)s.")),
        "too_few": Words(
            _F,
            _(
                "%(resource)s promises %(promised)s GPUs of type %(type)s; nodes of %(partition)s carry "
                "%(found)s."
            ),
            _("Correct the resource's figures, or Gres= in slurm.conf and gres.conf."),
            Who.MANAGER,
        ),
        "per_node": Words(
            _F,
            _(
                "%(resource)s promises %(promised)s GPUs a node; the largest node of %(partition)s has "
                "%(found)s."
            ),
            _("Correct the resource's figure of GPUs per node."),
            Who.MANAGER,
        ),
        "resting": Words(
            _W,
            _(
                "%(resource)s promises %(promised)s GPUs; only %(found)s are on nodes that are neither down "
                "nor draining."
            ),
            _("Bring the nodes back (sinfo -R says why they rest), or record an outage."),
            Who.SLURM,
        ),
    },
    "associations": {
        "ok": Words(_P, _("A job under a Slurm account that doesn't exist was refused.")),
        "not": Words(
            _F,
            _(
                "A job under a Slurm account that doesn't exist was accepted: anybody can compute past every "
                "budget."
            ),
            _("AccountingStorageEnforce=associations,limits,qos,safe in slurm.conf; restart slurmctld."),
            Who.SLURM,
        ),
    },
    "limits": {
        "ok": Words(_P, _("A job beyond a limit was refused.")),
        "not": Words(
            _F,
            _("A job beyond a limit (MaxSubmitJobs=0) was accepted: budgets don't hold."),
            _("AccountingStorageEnforce=associations,limits,qos,safe in slurm.conf; restart slurmctld."),
            Who.SLURM,
        ),
    },
    "safe": {
        "ok": Words(_P, _("AccountingStorageEnforce has “safe”.")),
        "not": Words(
            _W,
            _(
                "AccountingStorageEnforce lacks “safe”: jobs start and are killed midway when the budget "
                "ends."
            ),
            _("AccountingStorageEnforce=associations,limits,qos,safe in slurm.conf; restart slurmctld."),
            Who.SLURM,
        ),
    },
    "decay": {
        "ok": Words(_P, _("Usage doesn't decay and isn't reset.")),
        "decays": Words(
            _F,
            _("What was spent comes back by itself, or isn't counted: %(settings)s."),
            _(
                "PriorityType=priority/multifactor, PriorityDecayHalfLife=0, PriorityUsageResetPeriod=NONE "
                "in slurm.conf."
            ),
            Who.SLURM,
        ),
    },
    "comment": {
        "ok": Words(_P, _("The probe job's mark was found in Slurm's accounting.")),
        "lost": Words(
            _F,
            _(
                "The probe job is in Slurm's accounting without its mark: a job whose answer is lost can't "
                "be told."
            ),
            _("AccountingStoreFlags=job_comment in slurm.conf; restart slurmctld."),
            Who.SLURM,
        ),
        "late": Words(
            _W,
            _("The probe job didn't come to Slurm's accounting within %(seconds)s s."),
            _("See that slurmdbd keeps up, then run the preflight again."),
            Who.SLURM,
        ),
    },
    "cpu_only": {
        "ok": Words(_P, _("A job without GPUs was refused on %(partitions)s.")),
        "accepted": Words(
            _W,
            _(
                "A job without GPUs is accepted on %(partitions)s: it takes CPUs from GPU jobs, and no "
                "budget in Slurm stops it."
            ),
            _(
                "A QOS for the partition with MinTRESPerJob=gres/gpu=1 and Flags=DenyOnLimit, or a "
                "job_submit plugin. "
                "Else such jobs are charged as GPU equivalents."
            ),
            Who.SLURM,
        ),
    },
    "private": {
        "ok": Words(_P, _("A person doesn't see others' jobs.")),
        "seen": Words(
            _W,
            _("Any person sees everybody's jobs, with their names and paths."),
            _("PrivateData=jobs,usage,users,accounts in slurm.conf and slurmdbd.conf."),
            Who.SLURM,
        ),
    },
    "logins": {
        "ok": Words(_P, _("Slurm knows each of %(count)s linked logins.")),
        "none": Words(_P, _("Nobody is linked here yet.")),
        "partly": Words(
            _P,
            _(
                "Slurm knows %(count)s linked logins. %(later)s more are tried once an allocation lets them "
                "in."
            ),
        ),
        "later": Words(
            _U,
            _("%(later)s linked logins aren't in Slurm's accounting yet."),
            _("Nothing to do: they are tried once an allocation lets them in."),
            Who.NOBODY,
        ),
        "unknown": Words(
            _F,
            _("The machine of slurmctld knows no Linux user %(names)s."),
            _("Make these users where slurmctld and the nodes run, or correct the logins under “Logins”."),
            Who.MANAGER,
        ),
        "unclear": Words(
            _U,
            _("It couldn't be told whether Slurm knows %(names)s: %(reason)s"),
            _("Run the preflight again; if it says so again, look into the log of slurmctld."),
            Who.SLURM,
        ),
    },
    "cleanup": {
        "ok": Words(_P, _("Each of %(count)s probe jobs was held and is cancelled.")),
        "none": Words(_P, _("No probe job was accepted.")),
        "left": Words(
            _W,
            _("Held probe jobs couldn't be cancelled: %(jobs)s. They can't run and cost nothing."),
            _("scancel %(jobs)s, or run the preflight again: it cancels what earlier ones left."),
            Who.SLURM,
        ),
    },
}
