"""What follows when a cluster was added, or is reached in another way than before: no restart."""

from datacenters.models import Cluster
from datacenters.services import cluster_seen
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import SlurmError


def look_anew(cluster: Cluster) -> int:
    """Find the REST version that both sides speak best.

    What is wrong is kept as the cluster's problem, not raised. Returns how many versions there are in common.
    """
    try:
        found = client_for(cluster).discover(operator_token(cluster))
    except OSError as error:  # not its text: that tells where the key lies
        cluster_seen(cluster=cluster, problem=f"The signing key can't be read: {error.strerror}.")
        return 0
    except (SlurmError, ValueError) as error:
        cluster_seen(cluster=cluster, problem=str(error))
        return 0
    cluster_seen(cluster=cluster, release=found.release, api_version=found.versions[0])
    return len(found.versions)
