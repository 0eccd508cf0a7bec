"""What one password costs: CPU of hashing it with each memory setting, and how many people two cores sign in a minute by it.

python bench/sign_in.py [--passwords 10]
"""

import argparse
import asyncio
import time

from servers import machine

from lyceum.kernel.security import PASSWORD_MEMORY_KIB, Passwords

MEMORY_KIB = (7_168, 19_456, PASSWORD_MEMORY_KIB, 65_536)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--passwords", type=int, default=10)
    count = options.parse_args().passwords
    print(machine())
    for memory_kib in MEMORY_KIB:
        seconds = asyncio.run(_measured(Passwords(memory_kib=memory_kib), count))
        print(
            f"{memory_kib:>7,} KiB: {seconds * 1000:5.1f} ms of CPU a password, {2 * 60 / seconds:6,.0f} a minute on two cores"
        )


async def _measured(passwords: Passwords, count: int) -> float:
    """Return CPU seconds a password."""
    await passwords.hash("warms up")
    began = time.process_time()
    for number in range(count):
        await passwords.hash(f"password number {number}")
    return (time.process_time() - began) / count


if __name__ == "__main__":
    main()
