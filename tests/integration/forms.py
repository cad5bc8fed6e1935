"""How much the tests do that could go on for ever: a sample in the short form, all in the long one.

$TROUPE_TEST_FORM chooses the form (short unless it is `long`), $TROUPE_TEST_SEED the seed. The short
form has the same seed each time, the long form a new one; it is printed, to be given again.
"""

import os
import random

LONG = os.environ.get("TROUPE_TEST_FORM", "short") == "long"

#                   short     long
AMOUNTS = {
    "kills":          (16,       200),
    "chaos runs":     (10,       300),
    "bot runs":       (10,       100),
    "hub falls":      (10,       200),
    "storm requests": (5_000, 1_000_000),
    "llm storm requests": (500, 100_000),
    "fuzz seconds":   (5,        600),
    "soak seconds":   (6,      1_800),
}


def amount(what):
    return AMOUNTS[what][LONG]


def seed():
    chosen = os.environ.get("TROUPE_TEST_SEED")
    number = int(chosen) if chosen else random.SystemRandom().randrange(2**31) if LONG else 1
    print(f"TROUPE_TEST_FORM={'long' if LONG else 'short'} TROUPE_TEST_SEED={number}", flush=True)
    return number
