"""Tables for tests: small, learnable, and with whatever people put into column names."""

import random

import polars as pl

HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    "quote\"d 'twice'",
    "[bold red]markup[/]",
    "{{ 7 * 7 }} {% if x %}",
    "Größe (µm) & Co",
    "=1+1",
)
HOSTILE_VALUES = ("<img src=x onerror=alert(1)>", "</style><b>", "plain", "&amp;", "'; DROP TABLE runs; --")


def learnable(rows: int = 240, *, seed: int = 3) -> pl.DataFrame:
    """Return a table whose column `bought` follows from the others, with some luck."""
    chance = random.Random(seed)
    ages = [chance.randint(18, 90) for _ in range(rows)]
    cities = [chance.choice(["Graz", "Linz", "Wels"]) for _ in range(rows)]
    spent = [round(chance.uniform(0, 500), 2) if chance.random() > 0.1 else None for _ in range(rows)]
    bought = [
        "yes" if age + (20 if city == "Graz" else 0) + chance.gauss(0, 8) > 55 else "no"
        for age, city in zip(ages, cities, strict=True)
    ]
    return pl.DataFrame({"age": ages, "city": cities, "spent": spent, "bought": bought})


def hostile(rows: int = 240, *, seed: int = 3) -> pl.DataFrame:
    """Return a learnable table with names and values that would do harm if they were obeyed; the target is the first."""
    chance = random.Random(seed)
    first, *others = HOSTILE_NAMES
    values = {name: [chance.choice(HOSTILE_VALUES) for _ in range(rows)] for name in others[:-1]}
    numbers = [chance.gauss(0, 1) for _ in range(rows)]
    target = [HOSTILE_VALUES[0] if number > 0 else "plain" for number in numbers]
    return pl.DataFrame({**values, others[-1]: numbers, first: target})
