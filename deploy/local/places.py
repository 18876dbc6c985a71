"""Where a checkout keeps its local state, and which user its embedded servers run as.

State lives outside the checkout, for two reasons: the path of a Unix socket is limited to about 100
characters, and servers that run as another user must be able to reach it. `.run` in the checkout points
there.
"""

import hashlib
import os
import pwd
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STATE_HOME_SETTING = "TAQSEEM_STATE_HOME"
# The longest name below a state directory: /test/99/postgres/socket/.s.PGSQL.5432
LONGEST_SOCKET_SUFFIX = 40
SOCKET_PATH_LIMIT = 100


class LocalStateError(Exception):
    """Something about this machine keeps local state or servers from working; the text says what to do."""


@dataclass(frozen=True)
class ServerUser:
    """The user that embedded servers run as: PostgreSQL refuses root."""

    uid: int
    gid: int
    name: str

    @property
    def is_me(self) -> bool:
        return self.uid == os.geteuid()


def server_user() -> ServerUser:
    """Me; as root whoever called sudo, else `nobody`."""
    uid = os.geteuid()
    if uid == 0:
        uid = int(os.environ.get("SUDO_UID") or 0) or pwd.getpwnam("nobody").pw_uid
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise LocalStateError(
            f"User id {uid} has no name on this machine, and PostgreSQL wants one: add it to /etc/passwd."
        ) from error
    return ServerUser(uid, entry.pw_gid, entry.pw_name)


def state_dir() -> Path:
    """The directory of this checkout's state for this user, made if need be, and `.run` pointing to it.

    Below it each part has a directory of its own; only what the servers own is open to them.
    """
    directory = _state_home() / hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:10]
    make_directory(directory, mode=0o711)
    _point_to(directory)
    return directory


def make_directory(directory: Path, *, mode: int, owner: ServerUser | None = None) -> Path:
    """Make the directory, or make sure that it is a real one of ours with this mode.

    A directory in a place where everybody may write could have been planted: one of somebody else is refused.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if directory.is_symlink() or found.st_uid not in {os.geteuid(), *([owner.uid] if owner else [])}:
        raise LocalStateError(
            f"{directory} belongs to somebody else: remove it, or set {STATE_HOME_SETTING}."
        )
    if owner and found.st_uid != owner.uid:
        os.chown(directory, owner.uid, owner.gid)
    directory.chmod(mode)
    return directory


def write_private(file: Path, text: str, *, owner: ServerUser | None = None) -> None:
    """Replace a file by one that only we, or `owner`, can read."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    if owner:
        os.chown(fresh, owner.uid, owner.gid)
    fresh.replace(file)


def blocked_by(path: Path, user: ServerUser) -> Path | None:
    """The directory on the way to `path` that `user` can't enter, if there is one."""
    if user.is_me:
        return None
    for parent in reversed(path.parents):
        entry = parent.stat()
        if not (entry.st_mode & 0o001 or (entry.st_uid == user.uid and entry.st_mode & 0o100)):
            return parent
    return None


def _state_home() -> Path:
    """The first place that we can write, servers can enter, and that keeps socket paths short.

    Not /tmp, which is emptied at every start of the machine.
    """
    if setting := os.environ.get(STATE_HOME_SETTING):
        home = Path(setting).resolve()
        if not _is_short(home):
            raise LocalStateError(
                f"{STATE_HOME_SETTING}={home} is too long for a Unix socket: choose a shorter one."
            )
        home.mkdir(parents=True, exist_ok=True)
        return home
    if os.geteuid() == 0:
        candidates = [Path("/var/lib/taqseem-local")]
    else:
        user_state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        candidates = [Path(user_state) / "taqseem"]
    for base in ("/var/tmp", tempfile.gettempdir()):
        candidates.append(Path(base) / f"taqseem-{os.geteuid()}")
    for candidate in candidates:
        try:
            if _is_short(candidate):
                return make_directory(candidate, mode=0o711)
        except OSError:
            continue
    raise LocalStateError(
        f"No place for local state: set {STATE_HOME_SETTING} to a directory that you can write."
    )


def _is_short(home: Path) -> bool:
    return len(str(home)) + len("/0123456789") + LONGEST_SOCKET_SUFFIX < SOCKET_PATH_LIMIT


def _point_to(directory: Path) -> None:
    link = CHECKOUT / ".run"
    if link.is_symlink() and link.readlink() == directory:
        return
    if link.exists() and not link.is_symlink():
        raise LocalStateError(f"{link} should be a link to {directory}: move it away.")
    try:
        fresh = link.with_name(f".run-{os.getpid()}")
        fresh.symlink_to(directory)
        fresh.replace(link)
    except OSError:
        pass  # a checkout of somebody else: the link is a convenience only
