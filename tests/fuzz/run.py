#!/usr/bin/env python3
"""Runs one fuzz target for as long as the form of the tests says.

usage: run.py PROGRAM [LIBFUZZER_PROGRAM]

PROGRAM has our own driver. In the long form clang's libFuzzer takes its place where it was built.
What breaks a target is left in the directory of PROGRAM, to be given to PROGRAM again.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import forms  # noqa: E402


def own_driver(program, seconds, seed):
    return [program, "--seconds", str(seconds), "--seed", str(seed), "--found", program.parent]


def libfuzzer(program, fuzzer, seconds, seed, corpus):
    subprocess.run([program, "--write-corpus", corpus], check=True)
    words = corpus / "words.dict"
    dictionary = [f"-dict={words}"] if words.stat().st_size else []
    return [fuzzer, f"-max_total_time={seconds}", f"-seed={seed % 2**31}", "-timeout=60",
            "-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=0", *dictionary,
            f"-artifact_prefix={program.parent}/{fuzzer.name}-", corpus]


def main(arguments):
    program = Path(arguments[0])
    fuzzer = Path(arguments[1]) if len(arguments) > 1 else None
    seconds, seed = forms.amount("fuzz seconds"), forms.seed()
    os.nice(10)  # it takes all there is; tests that wait for processes run beside it
    with tempfile.TemporaryDirectory(prefix="troupe-fuzz-") as corpus:
        if forms.LONG and fuzzer is not None and fuzzer.exists():
            command = libfuzzer(program, fuzzer, seconds, seed, Path(corpus))
        else:
            command = own_driver(program, seconds, seed)
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
