from scheduler_bridge.models.guarding import Installation, SendingStop, WorkLease
from scheduler_bridge.models.job import Job
from scheduler_bridge.models.login import SiteLogin
from scheduler_bridge.models.preflight import PreflightRun, SlurmConfigReport
from scheduler_bridge.models.run import AccountingCursor, JobRun
from scheduler_bridge.models.sending import ClusterGate, DispatchAttempt, Door, ExtraCopy
from scheduler_bridge.models.site import ProvisioningRun, SlurmAccountBinding
from scheduler_bridge.models.uploads import UploadedRun, UsageKey, UsageUpload

__all__ = [
    "AccountingCursor",
    "ClusterGate",
    "DispatchAttempt",
    "Door",
    "ExtraCopy",
    "Installation",
    "Job",
    "JobRun",
    "PreflightRun",
    "ProvisioningRun",
    "SendingStop",
    "SiteLogin",
    "SlurmAccountBinding",
    "SlurmConfigReport",
    "UploadedRun",
    "UsageKey",
    "UsageUpload",
    "WorkLease",
]
