"""What provision.sh takes, out of the catalogue: `recipe packages RELEASE`, `recipe users RELEASE`."""

import sys

from deploy.lab.catalogue import RELEASES, SERVICE_USERS, USERS


def packages(release: str) -> str:
    return " ".join(RELEASES[release].packages)


def users(release: str) -> str:
    """NAME:UID of the daemons' and the jobs' users, the same for every release."""
    return " ".join(f"{name}:{uid}" for name, uid in (SERVICE_USERS | USERS).items())


if __name__ == "__main__":
    print({"packages": packages, "users": users}[sys.argv[1]](sys.argv[2]))
