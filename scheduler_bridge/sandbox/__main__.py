"""`python -m scheduler_bridge.sandbox --config FILE.json --state-dir DIR [--speed N]`"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import msgspec

from .config import load_config
from .server import Sandbox


async def _serve(sandbox: Sandbox) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    await sandbox.start()
    for name, url in sandbox.urls.items():
        print(f"sandbox cluster {name}: {url}", flush=True)
    await stopped.wait()
    sandbox.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scheduler_bridge.sandbox", description="Virtual Slurm clusters.")
    parser.add_argument("--config", type=Path, required=True, help="clusters as JSON")
    parser.add_argument("--state-dir", type=Path, required=True, help="journals and sandbox.json")
    parser.add_argument("--speed", type=float, help="how many times faster jobs run than they say")
    options = parser.parse_args()
    try:
        config = load_config(options.config)
        if options.speed is not None:
            config = msgspec.structs.replace(config, speed=options.speed)
        options.state_dir.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(Sandbox(config, options.state_dir)))
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
