"""`make reset`: forget the data of `make run`."""

import shutil
import sys

from deploy.local.places import CHECKOUT, LocalStateError, state_dir
from deploy.local.run import CannotRun, only_run


def main() -> int:
    try:
        state = state_dir()
        with only_run(state):
            shutil.rmtree(state)
        (CHECKOUT / ".run").unlink(missing_ok=True)
    except (CannotRun, LocalStateError) as error:
        print(error, file=sys.stderr)
        return 1
    print("The local data is gone. The next make run starts afresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
