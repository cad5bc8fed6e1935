#!/usr/bin/env python3
"""Prints `N passed, N failed` from ctest's JUnit file; exits 0 only when all that there is passed.

usage: test_summary.py RESULTS.xml CTEST_EXIT_STATUS
"""

import sys
import xml.etree.ElementTree as xml


def count(path):
    """(passed, names of the failed); a test that was skipped or not run has not passed."""
    passed, failed = 0, []
    for case in xml.parse(path).getroot().iter("testcase"):
        if case.get("status") == "run":
            passed += 1
        else:
            failed.append(f"{case.get('name')} ({case.get('status')})")
    return passed, failed


def main(arguments):
    path, status = arguments[0], int(arguments[1])
    try:
        passed, failed = count(path)
    except (OSError, xml.ParseError) as error:
        print(f"ctest left no results: {error}", file=sys.stderr)
        passed, failed = 0, ["ctest"]
    if status != 0 and not failed:
        failed.append(f"ctest (exit {status})")
    for name in failed:
        print(f"FAILED {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed > 0 and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
