"""Asks for one more of a limit as often as it can; prints how often it was granted, and when it began and ended to ask."""

import asyncio
import sys
import time

from redis.asyncio import Redis

from lyceum.kernel.limits.fields import Limit
from lyceum.kernel.limits.leases import Leases
from lyceum.kernel.valkey import ValkeyLine


async def main(url: str, name: str, seconds: float, at_most: int) -> None:
    granted = 0
    async with Redis.from_url(url) as valkey:
        leases = Leases(ValkeyLine(valkey), Limit("tests", at_most, 1))
        began = time.monotonic()
        until = began + seconds
        while time.monotonic() < until:
            taken = await leases.take(name)
            if taken is None:
                granted += 1
            else:
                await asyncio.sleep((taken.wait_seconds or 0.0) / 2)
        # by the clock of the machine, which all its processes share
        sys.stdout.write(f"{granted} {began} {time.monotonic()}")


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
