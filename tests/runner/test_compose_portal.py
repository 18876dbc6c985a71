"""The portal, started from docker-compose.yml's own command lines in namespaces instead of containers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.programs import postgres_directory, valkey_directory
from tests.runner.compose_stage import PORTAL_PARTS, SCRIPTS, SETTINGS, leave_out, localised, make_secrets
from tests.runner.containers import Dockerfile, Image, Pod, short_directory


def python_of_ours() -> dict[str, Path]:
    """The interpreter and its packages, where the image has /opt/taqseem."""
    venv, base = Path(sys.prefix), Path(os.path.realpath(sys.base_prefix))
    return {str(base): base, str(venv): venv, "/opt/taqseem": venv}


@pytest.fixture(scope="module")
def nginx(tmp_path_factory) -> dict[str, Path]:
    """Debian's nginx, unpacked and not installed: that would start one on port 80 of this machine."""
    folder = tmp_path_factory.mktemp("nginx")
    for package in ("nginx", "nginx-common"):
        done = subprocess.run(
            ["apt-get", "download", "-o", "APT::Sandbox::User=root", package],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            leave_out(f"apt-get download {package}: {done.stderr}")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    paths = ("/usr/sbin/nginx", "/etc/nginx/mime.types")
    return {path: folder / path[1:] for path in paths}


# In place of the image's own entrypoint: make the cluster where there is none, run its scripts, then serve.
POSTGRES_ENTRYPOINT = """
export PGDATA=/var/lib/postgresql/data PGHOST=/var/run/postgresql
if [ ! -e $PGDATA/PG_VERSION ]; then
    initdb --username=$POSTGRES_USER --pwfile=$POSTGRES_PASSWORD_FILE $POSTGRES_INITDB_ARGS
    pg_ctl -w -o "-c listen_addresses= -c unix_socket_directories=$PGHOST" start
    createdb --username=$POSTGRES_USER --owner=$POSTGRES_USER $POSTGRES_DB
    for script in /docker-entrypoint-initdb.d/*; do $script; done
    pg_ctl -w -m fast stop
fi
exec "$@" -c listen_addresses=127.0.0.1 -c unix_socket_directories=$PGHOST
"""
# The requirements bring the server alone; this stands for the client in its image.
VALKEY_CLI = f"""#!{sys.executable}
import os, redis
print("PONG" if redis.Redis(password=os.environ["REDISCLI_AUTH"]).ping() else "")
"""


def images(scratch: Path, nginx: dict[str, Path]) -> dict[str, Image]:
    """What stands for each image: the portal's own as its Dockerfile makes it."""
    dockerfile = Dockerfile(SCRIPTS / "portal" / "Dockerfile")
    app = scratch / "app"
    dockerfile.build(app)
    venv = Path(sys.prefix, "bin")
    built = subprocess.run(
        ["sh", "deploy/compose/portal/build.sh"],
        cwd=app, env={"PATH": f"{venv}:/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    programs = scratch / "bin"
    programs.mkdir()
    (programs / "valkey-cli").write_text(VALKEY_CLI)
    (programs / "valkey-cli").chmod(0o755)
    path = f"{postgres_directory()}:{valkey_directory()}:/opt/bin:/usr/sbin:/usr/bin:/bin"
    ours = Image(binds=python_of_ours() | {"/opt/bin": programs}, environment={"PATH": path})
    entrypoint = ["bash", "-euc", POSTGRES_ENTRYPOINT, "postgres"]
    return {
        "portal": Image(
            binds=python_of_ours() | {"/app": app}, environment=dockerfile.environment(), workdir="/app"
        ),
        "postgres": Image(binds=ours.binds, environment=ours.environment, entrypoint=entrypoint),
        "redis": ours,
        "proxy": Image(binds=nginx),
    }


# PostgreSQL as the portal has it, over TCP.
AS_APP = ("sh", "-c", 'PGPASSWORD=$(cat /run/secrets/db_app_password) exec psql "$@"', "psql",
          "--host=127.0.0.1", "--username=taqseem_app", "--dbname=taqseem")  # fmt: skip
# Asks an address once for each set of headers.
ASK = """
import json, ssl, sys, urllib.error, urllib.request
address, asked, certificate = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
context = ssl.create_default_context(cafile=certificate)
context.check_hostname = False
opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=context))
answers = []
for headers in asked:
    try:
        answer = opener.open(urllib.request.Request(address, headers=headers), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    told = {name.lower(): value for name, value in answer.headers.items()}
    answers.append([answer.status, told, answer.read().decode()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def up(engineless, parsed, secrets, nginx):
    """Every service of the file but the Slurm clusters, started in the order that it asks for."""
    directory = short_directory()
    try:
        standing = images(directory, nginx)
        with Pod(directory) as pod:
            bring_up(pod, parsed, secrets, standing)
            yield pod
    finally:
        shutil.rmtree(directory)


@pytest.mark.slow_runner
@pytest.mark.timeout(600)
class TestTheWholePortal:
    def ask(self, pod, secrets, address, host=SETTINGS["TAQSEEM_HOSTS"], callers=(None,)):
        """Status, headers and body of the last answer, when each of these callers has asked in turn."""
        asked = [{"Host": host} | ({"X-Forwarded-For": caller} if caller else {}) for caller in callers]
        done = pod.run([sys.executable, "-c", ASK, address, json.dumps(asked), secrets / "tls_certificate"])
        assert done.returncode == 0, done.stderr + pod.log("proxy") + pod.log("web")
        return json.loads(done.stdout)[-1]

    def test_every_part_is_healthy_and_ready(self, up, secrets):
        for name, container in up.containers.items():
            if name != "prepare":
                container.must("service_healthy")
        told = {}

        def ready() -> bool:
            told["answer"] = self.ask(up, secrets, "https://127.0.0.1:8443/readyz")
            return told["answer"][0] == 200

        assert processes.wait_until(ready, seconds=60, every=0.5), told
        parts = json.loads(told["answer"][2])
        assert all(parts[name]["ok"] for name in ("database", "queue", "worker", "beat", "sealer"))

    def test_pages_come_with_their_styles_over_https_only(self, up, secrets):
        status, headers, _ = self.ask(up, secrets, "http://127.0.0.1:8080/x?y=1")
        assert (status, headers["location"]) == (301, f"https://{SETTINGS['TAQSEEM_HOSTS']}/x?y=1")
        status, headers, page = self.ask(up, secrets, "https://127.0.0.1:8443/sign-in/login/")
        assert status == 200
        assert "max-age=31536000" in headers["strict-transport-security"]
        assert "Secure" in headers["set-cookie"]
        style = re.search(r'href="(/static/[^"]+\.css)"', page)[1]
        assert self.ask(up, secrets, f"https://127.0.0.1:8443{style}")[0] == 200
        assert self.ask(up, secrets, "https://127.0.0.1:8443/", host="elsewhere.example")[0] == 400

    @pytest.mark.parametrize(("configuration", "is_sound"), [("plain", True), ("tls", True), ("none", False)])
    def test_the_proxys_configurations_are_sound(
        self, up, parsed, secrets, nginx, configuration, is_sound, tmp_path
    ):
        """What `nginx -t` says of each, and of one with a mistake."""
        (tmp_path / "none.conf").write_text("server { listen 8080; proxy_bufering on; }")
        folder = tmp_path if configuration == "none" else SCRIPTS / "nginx"
        service = localised(parsed["services"]["proxy"], parsed, secrets)
        entrance = f"{folder}/{configuration}.conf:/etc/nginx/entrance.conf:ro"
        others = [volume for volume in service["volumes"] if "entrance.conf" not in volume]
        checked = service | {"command": ["-t"], "volumes": [*others, entrance]}
        container = up.start(f"proxy-{configuration}", checked, Image(binds=nginx))
        assert (container.process.wait(30) == 0) is is_sound, up.log(container.name)

    def test_nobody_can_pretend_to_be_another_address(self, up, secrets):
        """The API's throttle counts by address: sixty a minute for whoever hasn't signed in."""
        callers = [f"203.0.113.{number}" for number in range(61)]
        answer = self.ask(up, secrets, "https://127.0.0.1:8443/api/v1/docs/", callers=callers)
        assert answer[0] == 429

    def test_logs_are_json_and_the_secrets_are_in_none(self, up, secrets):
        for name in PORTAL_PARTS:
            lines = (up.logs / f"{name}.log").read_text().splitlines()
            assert all(json.loads(line)["level"] for line in lines), up.log(name)
        assert (up.logs / "web.log").stat().st_size
        everything = "".join(path.read_text() for path in up.logs.glob("*.log"))
        for name in ("secret_key", "db_app_password", "db_owner_password", "redis_auth"):
            assert (secrets / name).read_text().split()[-1] not in everything

    def test_nothing_can_be_written_where_it_runs(self, up):
        for name in PORTAL_PARTS:
            tried = up.containers[name].execute("sh", "-c", "id -u; touch /app/x || touch /opt/x || touch /x")
            assert (tried.stdout, tried.returncode) == ("10001\n", 1), name
        assert up.containers["web"].execute("touch", "/var/lib/taqseem/media/x").returncode == 0
        assert up.containers["web"].execute("touch", "/var/lib/taqseem/keys/x").returncode != 0
        assert up.containers["web"].execute("python", "-c", "import scheduler_bridge.sandbox").returncode != 0

    def test_the_documented_backup_comes_back_as_documented(self, up, commands):
        """The lines of docs/operations.md, read out of it; the audit's seals fit before and after."""
        postgres, web = up.containers["postgres"], up.containers["web"]
        told = [words[4:] for words in commands if words[:4] == ["docker-compose", "exec", "-T", "postgres"]]
        lines = {words[0]: [word for word in words if word not in "<>"] for words in told}
        dumped = postgres.execute(*lines["pg_dump"][:-1])
        assert dumped.returncode == 0, dumped.stderr
        count = (
            "psql",
            "--username=taqseem_admin",
            "--tuples-only",
            "--command=TABLE foundation_auditseal",
            "taqseem",
        )
        before = postgres.execute(*count).stdout
        for name in ("dropdb", "createdb"):
            assert postgres.execute(*lines[name]).returncode == 0
        assert "does not exist" in postgres.execute(*count).stderr
        restored = postgres.execute(*lines["pg_restore"][:-1], input=dumped.stdout)
        assert restored.returncode == 0, restored.stderr
        assert postgres.execute(*count).stdout.startswith(before.rstrip())
        verified = web.execute("python", "manage.py", "audit_verify")
        assert verified.returncode == 0, verified.stderr
        assert "must be owner" in postgres.execute(*AS_APP, "--command=DROP TABLE foundation_auditrow").stderr

    def test_a_renewed_password_is_taken_on_as_documented(self, up, secrets, commands):
        postgres = up.containers["postgres"]
        told = [words for words in commands if words[-1:] == ["/docker-entrypoint-initdb.d/roles.sh"]]
        assert make_secrets(secrets, "renew", "db_app_password").returncode == 0
        assert "password authentication failed" in postgres.execute(*AS_APP, "--command=SELECT 1").stderr
        done = postgres.execute(*told[0][4:])
        assert done.returncode == 0, done.stderr
        assert postgres.execute(*AS_APP, "--command=SELECT 1").returncode == 0

    def test_parts_end_when_told_and_health_checks_notice(self, up, secrets):
        """Last, for it ends them."""
        for name in PORTAL_PARTS:
            up.containers[name].must("service_healthy")
        for name in PORTAL_PARTS:
            assert up.containers[name].stop() == 0, up.log(name)
        assert not up.containers["web"].is_healthy()
        assert not up.containers["worker"].is_healthy()
        status, headers, page = self.ask(up, secrets, "https://127.0.0.1:8443/")
        assert (status, headers["retry-after"]) == (502, "30")
        assert 'lang="ur"' in page
        # Beat's and the sealer's last signs of life are still fresh; without any the check fails.
        forget = "from django.core.cache import cache; cache.clear()"
        up.containers["web"].execute("python", "-c", forget)
        assert not up.containers["beat"].is_healthy()
        assert not up.containers["sealer"].is_healthy()


def bring_up(pod: Pod, parsed: dict, secrets: Path, standing: dict[str, Image]) -> None:
    """Start what isn't in a profile, each service once those that it depends on are as it asks."""
    services = {name: one for name, one in parsed["services"].items() if "profiles" not in one}
    waiting = dict(services)
    while waiting:
        ready = [name for name, one in waiting.items() if not set(one.get("depends_on", {})) & set(waiting)]
        assert ready, f"depends_on goes in a circle: {list(waiting)}"
        for name in ready:
            service = waiting.pop(name)
            for needed, how in service.get("depends_on", {}).items():
                pod.containers[needed].must(how["condition"])
            image = standing.get(name, standing["portal"])
            pod.start(name, localised(service, parsed, secrets), image, names=services)
