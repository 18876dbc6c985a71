"""Runs the benchmarks: each is a module here with `measure()`, which yields figures.

python -m bench            all of them, each in a process of its own
python -m bench ledger     that one
"""

import subprocess
import sys
from importlib import import_module

BENCHES = ("dispatch", "explore", "ledger", "pages")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"No benchmark {', '.join(unknown)}: there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    if len(names) == 1:
        for figure in import_module(f"bench.{names[0]}").measure():
            print(figure, flush=True)
        return 0
    runs = [subprocess.run([sys.executable, "-m", "bench", name], check=False) for name in names or BENCHES]
    return max(run.returncode for run in runs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
