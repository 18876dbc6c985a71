"""The clusters of the profile slurm: rendered as in the lab, and started from their image's entrypoint."""

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from deploy.compose.slurm import cluster, recipe
from deploy.lab import files
from deploy.lab.catalogue import CLUSTERS, RELEASES
from deploy.lab.state import LabMachine, Process
from deploy.lab.tree import ensure_tree
from scheduler_bridge.slurm_rest_client import HS256Signer
from tests.runner.compose_stage import SCRIPTS, SLURM_CLUSTERS, localised
from tests.runner.containers import Dockerfile, Image, Pod, short_directory


@pytest.fixture
def pod(engineless):
    directory = short_directory()
    with Pod(directory) as pod:
        yield pod
    shutil.rmtree(directory)


class TestSlurmClusters:
    @pytest.mark.parametrize("name", SLURM_CLUSTERS)
    def test_their_configuration_is_the_labs(self, lab_possible, name, secrets, tmp_path, monkeypatch):
        """Line by line, but for the ports: a container has fixed ones."""
        spec = CLUSTERS[name]
        secret = tmp_path / f"slurm_{name}"
        secret.write_bytes((secrets / "keys" / f"{name}.key").read_bytes())
        monkeypatch.setattr(cluster, "SECRETS", tmp_path)
        ours, theirs = tmp_path / "container", tmp_path / "lab"
        cluster.prepare(ours, spec)
        machine = LabMachine(release=spec.release, tree="/nowhere", init=Process.of(1))
        files.prepare_run_directory(theirs)
        files.prepare_machine(theirs, machine)
        files.prepare_cluster(theirs, machine, spec)
        for kind in files.CLUSTER_TEMPLATES:
            rendered = [
                re.sub(r"(\w*Port)=\d+", r"\1=", (run / name / kind).read_text()) for run in (ours, theirs)
            ]
            assert rendered[0] == rendered[1], kind
            assert "${" not in rendered[0]
        text = (ours / name / "slurm.conf").read_text()
        ports = re.findall(r"\bPort=(\d+)|SlurmctldPort=(\d+)|StoragePort=(\d+)", text)
        assert len(set(ports)) == len(ports) == 4
        assert (ours / name / "jwt_hs256.key").read_bytes() == secret.read_bytes()

    def test_the_recipe_names_what_the_lab_installs(self):
        for release in RELEASES.values():
            assert recipe.packages(release.name).split() == list(release.packages)
        assert "slurm:64030" in recipe.users("24.11").split()

    @pytest.mark.lab
    @pytest.mark.slow_runner
    @pytest.mark.timeout(600)
    @pytest.mark.parametrize("name", ["datavault", "astrolabe-ned"])
    def test_one_starts_takes_a_job_and_ends(self, lab_possible, pod, parsed, secrets, name):
        """In the lab's tree of its release, which has all that the image has but Python."""
        spec = CLUSTERS[name]
        service = localised(parsed["services"][name], parsed, secrets)
        container = pod.start(name, service, slurm_image(spec, pod.directory))
        container.must("service_healthy")
        commands = f"/lab/bin/{name}"
        for words in (("account", "tests"), ("user", "tqresearcher", "account=tests")):
            done = container.execute(f"{commands}/sacctmgr", "-i", "add", *words)
            assert done.returncode == 0, done.stdout + done.stderr
        step = ["srun", "--account=tests", "--gres=gpu:2", "sh", "-c", "echo $(id -un) $CUDA_VISIBLE_DEVICES"]
        done = container.execute(f"{commands}/run-as", "tqresearcher", *step)
        assert done.stdout == "tqresearcher 0,1\n", done.stderr
        assert self.rest_answers(pod, secrets / "keys" / f"{name}.key", spec) == [True, False]
        assert container.stop() == 0, pod.log(name)

    def rest_answers(self, pod, key: Path, spec) -> list[bool]:
        """Whether slurmrestd takes a token of the key that the portal has, and one of another key."""
        address = f"http://127.0.0.1:{cluster.REST_PORT}/" + RELEASES[spec.release].ping.replace(
            "ping", "jobs"
        )
        ask = (
            "import json, sys, urllib.request as u;"
            "u.urlopen(u.Request(sys.argv[1], headers=json.loads(sys.argv[2])))"
        )
        states = []
        for raw in (key.read_bytes(), b"another key of thirty-two bytes!"):
            headers = HS256Signer(raw).mint("root", int(time.time()) + 60).headers()
            done = pod.run([sys.executable, "-c", ask, address, json.dumps(headers)])
            states.append(done.returncode == 0)
        return states


def slurm_image(spec, scratch: Path) -> Image:
    """The lab's tree of the release, with what the Dockerfile copies, and this machine's Python."""
    dockerfile = Dockerfile(SCRIPTS / "slurm" / "Dockerfile")
    dockerfile.build(scratch / "app")
    base = Path(os.path.realpath(sys.base_prefix))
    python = os.path.realpath(sys._base_executable)
    return Image(
        lower=ensure_tree(RELEASES[spec.release]),
        binds={"/app": scratch / "app", str(base): base},
        environment=dockerfile.environment(),
        entrypoint=json.loads(dockerfile.of("ENTRYPOINT")[0]),
        workdir="/app",
        prepare=f"ln -sf {python} $root/usr/bin/python3; rm -r $root/home; ln -s /lab/home $root/home",
    )
