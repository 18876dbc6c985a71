"""docker-compose.yml, its images, secrets, settings and document, as far as it goes without a start."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from deploy.lab.catalogue import CLUSTERS, RELEASES
from deploy.local.places import CHECKOUT
from tests.runner.compose_stage import (
    COMPOSE,
    OPERATIONS,
    PORTAL_PARTS,
    SCRIPTS,
    SETTINGS,
    SLURM_CLUSTERS,
    compose,
    make_secrets,
)
from tests.runner.containers import Dockerfile, context_files, ignored_by


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
