"""`make reset`: forget the data of `make run`."""

import shutil
import sys

from deploy.local.places import LocalStateError, state_dir
from deploy.local.run import CannotRun, only_run

# The lock is ours; the tests' servers may be at work, and the copied programs serve them too.
KEPT = {"run.lock", "test", "programs"}


def main() -> int:
    try:
        state = state_dir()
        with only_run(state):
            for part in state.iterdir():
                if part.name not in KEPT:
                    shutil.rmtree(part) if part.is_dir() else part.unlink()
    except (CannotRun, LocalStateError) as error:
        print(error, file=sys.stderr)
        return 1
    print("The local data is gone. The next make run starts afresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
