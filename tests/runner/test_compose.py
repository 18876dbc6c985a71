"""docker-compose.yml and its images, as far as it goes without an engine.

The files are valid and hold what they promise; then the portal comes up from the compose file's own command
lines, and a Slurm cluster from its image's entrypoint, in namespaces instead of containers (containers.py).
"""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from deploy.compose.slurm import cluster, recipe
from deploy.lab import files
from deploy.lab.catalogue import CLUSTERS, RELEASES
from deploy.lab.state import LabMachine, Process
from deploy.lab.tree import ensure_tree
from deploy.local import processes
from deploy.local.places import CHECKOUT
from deploy.local.programs import postgres_directory, valkey_directory
from scheduler_bridge.slurm_rest_client import HS256Signer
from tests.runner.containers import Dockerfile, Image, Pod, context_files, ignored_by, short_directory

COMPOSE = CHECKOUT / "docker-compose.yml"
OPERATIONS = CHECKOUT / "docs" / "operations.md"
SCRIPTS = CHECKOUT / "deploy" / "compose"
SETTINGS = {
    "TAQSEEM_HOSTS": "taqseem.example.pk",
    "TAQSEEM_PUBLIC_URL": "https://taqseem.example.pk",
    "TAQSEEM_MAIL_FROM": "Taqseem <no-reply@taqseem.example.pk>",
}
PORTAL_PARTS = ("web", "worker", "exports", "beat", "sealer")
SLURM_CLUSTERS = ("datavault", "higgs", "astrolabe-ned", "astrolabe-uet")


def leave_out(reason: str) -> None:
    """Skip; under CI=true that is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def compose(*arguments, file=COMPOSE, settings=SETTINGS) -> subprocess.CompletedProcess:
    """Call docker-compose with these settings alone: a .env of the checkout's owner isn't looked at."""
    if not shutil.which("docker-compose"):
        leave_out("there is no docker-compose (package docker-compose)")
    with tempfile.NamedTemporaryFile() as empty:
        where = ["--env-file", empty.name, "--project-directory", str(CHECKOUT), "--file", str(file)]
        return subprocess.run(
            ["docker-compose", *where, *arguments],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | settings,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def parsed() -> dict:
    """The whole file as docker-compose reads it, the profile included."""
    done = compose("--profile", "slurm", "config")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


class TestTheFile:
    @pytest.mark.parametrize("profile", [[], ["--profile", "slurm"]])
    def test_it_is_valid(self, profile):
        done = compose(*profile, "config", "--quiet")
        assert done.returncode == 0, done.stderr

    def test_only_the_clusters_wait_for_their_profile(self, parsed):
        services = parsed["services"]
        assert set(services) == {"proxy", "prepare", "postgres", "redis", *PORTAL_PARTS, *SLURM_CLUSTERS}
        assert {name for name, one in services.items() if one.get("profiles")} == set(SLURM_CLUSTERS)

    @pytest.mark.parametrize("missing", SETTINGS)
    def test_a_missing_setting_is_named(self, missing):
        done = compose("config", settings=SETTINGS | {missing: ""})
        assert done.returncode != 0
        assert missing in done.stderr
        assert ".env.example" in done.stderr

    @pytest.mark.parametrize(
        ("line", "mistake"),
        [
            ('    restart: "no"', '    restart: "no"\n    restat: always'),
            ("    prepare: {condition: service_completed_successfully}", "    prepare: {condition: done}"),
            ("    secrets: [redis_auth]", "    secrets: redis_auth"),
            ("      - redis:/data", "      - radis:/data"),
            ("    stop_grace_period: 30s", "    stop_grace_period: 30s\n    stop_grace: 1"),
            ("  cap_drop: [ALL]", "  cap_drop: ALL"),
        ],
    )
    def test_planted_mistakes_are_found(self, tmp_path, line, mistake):
        text = COMPOSE.read_text()
        assert line in text
        planted = tmp_path / "docker-compose.yml"
        planted.write_text(text.replace(line, mistake, 1))
        assert compose("config", "--quiet", file=planted).returncode != 0

    @pytest.mark.parametrize("kind", ["networks", "secrets", "services"])
    def test_what_services_refer_to_is_there(self, parsed, kind):
        """docker-compose finds some of these only when it starts."""
        key = {"services": "depends_on"}.get(kind, kind)
        told = [one for service in parsed["services"].values() for one in service.get(key, [])]
        used = {one["source"] if isinstance(one, dict) else one for one in told}
        assert used <= set(parsed[kind])
        assert kind == "services" or used == set(parsed[kind]), "one is defined and never used"

    def test_the_example_settings_suffice(self):
        given = dict(
            line.split("=", 1)
            for line in (CHECKOUT / ".env.example").read_text().splitlines()
            if line and not line.startswith("#")
        )
        asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
        assert set(given) <= asked
        assert compose("config", "-q", settings=given).returncode == 0

    def test_nothing_is_left_open(self, parsed):
        """Pinned images, health checks, limits, logs that end, no rights, one way in."""
        for name, service in parsed["services"].items():
            is_slurm = name in SLURM_CLUSTERS
            assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*|taqseem/.*:local", service["image"]), name
            assert "ports" not in service or name == "proxy", name
            assert {"mem_limit", "cpus", "pids_limit"} <= set(service), name
            assert service["logging"]["options"] == {"max-file": "5", "max-size": "20m"}, name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert service["init"] is True, name
            assert is_slurm or (service["read_only"] and not service["user"].startswith("0")), name
            assert is_slurm or "cap_add" not in service, name
            assert service["restart"] == ("no" if name == "prepare" else "unless-stopped"), name
            assert service["healthcheck"].get("test") or name == "prepare", name
            for variable, value in service.get("environment", {}).items():
                secret = re.search(r"PASSWORD|SECRET|REDIS_URL", variable)
                assert not secret or value == f"/run/secrets/{Path(value).name}", f"{name}: {variable}"
        assert parsed["networks"]["data"]["internal"] is True
        assert set(parsed["services"]["proxy"]["networks"]) == {"front"}
        assert parsed["services"]["redis"]["networks"] == parsed["services"]["postgres"]["networks"]

    def test_base_images_of_dockerfiles_are_pinned(self, parsed):
        for path in SCRIPTS.glob("*/Dockerfile"):
            defaults = dict(value.split("=", 1) for value in Dockerfile(path).of("ARG"))
            for value in Dockerfile(path).of("FROM"):
                name = re.fullmatch(r"\$\{(\w+)\}( AS \w+)?", value)[1]
                assert re.search(r":\S*\d+\S*-slim", defaults[name]), path
        for name in SLURM_CLUSTERS:
            given = parsed["services"][name]["build"]["args"]
            release = RELEASES[given["RELEASE"]]
            assert CLUSTERS[name].release == release.name
            assert re.fullmatch(rf"debian:{release.suite}-\d{{8}}-slim", given["DEBIAN_IMAGE"])


class TestTheBuild:
    def test_dockerignore_is_read_as_docker_does(self):
        patterns = ["*", "!portal", "portal/sandbox", "**/*.py[cod]"]
        assert ignored_by("secret", patterns)
        assert not ignored_by("portal/a/b.py", patterns)
        assert ignored_by("portal/sandbox/x.py", patterns)
        assert ignored_by("portal/a/b.pyc", patterns)

    def test_no_secret_and_no_sandbox_is_sent(self):
        sent = context_files()
        assert not [path for path in sent if path.startswith(("tests/", "deploy/compose/secrets", ".env"))]
        assert not [path for path in sent if path.startswith(("scheduler_bridge/sandbox", "deploy/local"))]
        assert "manage.py" in sent

    @pytest.mark.parametrize("image", ["portal", "slurm"])
    def test_what_is_copied_exists(self, image, tmp_path):
        Dockerfile(SCRIPTS / image / "Dockerfile").build(tmp_path)
        for path in tmp_path.rglob("*.py"):
            ast.parse(path.read_text())

    def test_a_copy_of_nothing_is_found(self, tmp_path):
        planted = tmp_path / "Dockerfile"
        planted.write_text("FROM x\nCOPY deploy/nowhere deploy/nowhere\n")
        with pytest.raises(AssertionError, match="nowhere"):
            Dockerfile(planted).build(tmp_path)

    def test_the_slurm_image_parses_under_its_own_python(self, tmp_path):
        """Debian bookworm's Python is 3.11, older than the portal's."""
        Dockerfile(SCRIPTS / "slurm" / "Dockerfile").build(tmp_path)
        for path in tmp_path.rglob("*.py"):
            ast.parse(path.read_text(), feature_version=(3, 11))

    @pytest.mark.parametrize("script", sorted(SCRIPTS.rglob("*.sh")), ids=lambda path: path.name)
    def test_scripts_are_sound(self, script):
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
        if shutil.which("shellcheck"):
            done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout

    def test_mounted_files_exist(self, parsed):
        for name, service in parsed["services"].items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("/") and not source.startswith(str(SCRIPTS / "secrets")):
                    assert Path(source).exists(), f"{name}: {source}"
        # PostgreSQL's image would source a script that can't be run, and -eu with it.
        assert os.access(SCRIPTS / "postgres" / "roles.sh", os.X_OK)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    """As make-secrets.sh makes them."""
    directory = tmp_path_factory.mktemp("secrets")
    make_secrets(directory)
    return directory


def make_secrets(directory: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [SCRIPTS / "make-secrets.sh", *arguments],
        env=os.environ | {"TAQSEEM_SECRETS": str(directory)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def commands() -> list[list[str]]:
    """Every command line of docs/operations.md, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```", OPERATIONS.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


class TestOperations:
    """docs/operations.md names what there is."""

    def test_every_command_exists(self):
        text = OPERATIONS.read_text()
        named = set(re.findall(r"manage\.py ([a-z_]+)", text))
        assert len(named) > 8
        assert named <= set(get_commands()), named - set(get_commands())
        targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE))
        made = set(re.findall(r"`make ([a-z-]+)", text))
        assert made <= targets, made - targets

    def test_every_file_and_service_exists(self, parsed, commands):
        text = OPERATIONS.read_text()
        for path in re.findall(r"\]\(([^)#:]+)[^):]*\)", text):
            assert (OPERATIONS.parent / path).exists(), path
        for path in re.findall(r"deploy/compose/[\w./-]*\w", text):
            assert (CHECKOUT / path).exists() or path.startswith("deploy/compose/secrets/"), path
        for words in commands:
            if words[0] == "docker-compose" and words[1] in {"exec", "stop", "restart", "logs", "run"}:
                named = [word for word in words[2:] if not word.startswith("-")]
                chosen = named[:1] if words[1] in {"exec", "run"} else named
                assert set(chosen) <= set(parsed["services"]), words

    def test_every_setting_exists(self):
        """What it says to set is read somewhere, and what production.py reads is told."""
        told = set(re.findall(r"TAQSEEM_[A-Z_]+", OPERATIONS.read_text()))
        sources = [*(CHECKOUT / "portal/settings").glob("*.py"), COMPOSE]
        read = set(re.findall(r"TAQSEEM_[A-Z_]+", "".join(path.read_text() for path in sources)))
        assert {name.removesuffix("_FILE") for name in told} <= {name.removesuffix("_FILE") for name in read}
        production = (CHECKOUT / "portal/settings/production.py").read_text()
        assert set(re.findall(r'env\.\w+\(\s*"(\w+)"', production)) - {"TAQSEEM_DEMO"} <= told


class TestSecrets:
    def test_every_secret_of_the_file_is_made(self, secrets, parsed):
        for secret in parsed["secrets"].values():
            made = secrets / Path(secret["file"]).relative_to(SCRIPTS / "secrets")
            assert made.exists()
            assert made.stat().st_size or made.name in {"smtp_password", "secret_key_fallbacks"}
        assert secrets.stat().st_mode & 0o777 == 0o700
        assert (secrets / "redis_auth").read_text().split()[1] in (secrets / "redis_url").read_text()

    def test_a_second_run_changes_nothing(self, secrets):
        before = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
        assert make_secrets(secrets).returncode == 0
        assert before == {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}

    def test_a_renewed_key_leaves_the_former_one_good(self, tmp_path):
        make_secrets(tmp_path)
        keys = [(tmp_path / "secret_key").read_text()]
        for _ in range(2):
            assert make_secrets(tmp_path, "renew", "secret_key").returncode == 0
            keys.insert(0, (tmp_path / "secret_key").read_text())
        assert (tmp_path / "secret_key_fallbacks").read_text().split() == keys[1:]
        assert len(set(keys)) == 3

    def test_what_cannot_be_renewed_is_said(self, tmp_path):
        done = make_secrets(tmp_path, "renew", "tls_key")
        assert done.returncode == 64
        assert "db_app_password" in done.stderr


class TestProductionSettings:
    """`manage.py check --deploy` is clean, and what is unsafe doesn't start."""

    SAFE = SETTINGS | {
        "DJANGO_SETTINGS_MODULE": "portal.settings.production",
        "TAQSEEM_SECRET_KEY": "0123456789abcdef" * 4,
    }

    def check(self, level="WARNING", **changes) -> subprocess.CompletedProcess:
        given = {name: value for name, value in (self.SAFE | changes).items() if value is not None}
        return subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", level],
            cwd=CHECKOUT, env={"PATH": os.environ["PATH"]} | given,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def test_they_are_clean(self):
        """What the API's schema is told about its names, its own test minds."""
        told = self.check("ERROR")
        assert told.returncode == 0, told.stderr
        others = set(re.findall(r"\((\w+\.\w\d+)\)", told.stderr)) - {"drf_spectacular.W001"}
        assert not others, told.stderr

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"TAQSEEM_SECRET_KEY": "short"}, "TAQSEEM_SECRET_KEY"),
            ({"TAQSEEM_SECRET_KEY_FALLBACKS": "short"}, "TAQSEEM_SECRET_KEY_FALLBACKS"),
            ({"TAQSEEM_DEMO": "1"}, "TAQSEEM_DEMO"),
            ({"TAQSEEM_HOSTS": None}, "TAQSEEM_HOSTS"),
            ({"TAQSEEM_HOSTS": "*"}, "TAQSEEM_HOSTS"),
            ({"TAQSEEM_PUBLIC_URL": "http://taqseem.example.pk"}, "https://"),
            ({"TAQSEEM_MAIL_FROM": None}, "TAQSEEM_MAIL_FROM"),
            ({"TAQSEEM_SMTP_SSL": "1", "TAQSEEM_SMTP_TLS": "1"}, "only one"),
            ({"TAQSEEM_DB_PASSWORD_FILE": "/nowhere"}, "TAQSEEM_DB_PASSWORD_FILE"),
            ({"TAQSEEM_DB_PASSWORD_FILE": "/dev/null"}, "empty"),
            ({"TAQSEEM_HSTS_SECONDS": "0"}, "security.W004"),
        ],
    )
    def test_what_is_unsafe_does_not_pass(self, changes, told):
        done = self.check(**changes)
        assert done.returncode != 0
        assert told in done.stderr


@pytest.fixture(scope="module")
def engineless():
    """Skips where namespaces can't be made."""
    able = os.geteuid() == 0 and shutil.which("unshare")
    names = ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "true"]
    if not able or subprocess.run(names, capture_output=True, check=False).returncode:
        leave_out("needs root and namespaces")


def localised(service: dict, parsed: dict, secrets: Path) -> dict:
    """The service with its secrets led to the test's own folder."""
    home = str(SCRIPTS / "secrets")
    told = [
        secret if isinstance(secret, dict) else {"source": secret} for secret in service.get("secrets", [])
    ]
    return service | {
        "secrets": [
            secret | {"file": parsed["secrets"][secret["source"]]["file"].replace(home, str(secrets))}
            for secret in told
        ],
        "volumes": [volume.replace(home, str(secrets)) for volume in service.get("volumes", [])],
    }


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
