#!/usr/bin/env python3
"""Holds the tree to the rules of layers, third-party headers and form.

usage: tidy.py [ROOT]

Reads every source under libs/, services/, tests/ and bench/, prints each breach as
`file:line: reason` and exits 1 when there is one. ctest runs it as the test `tidy`; its own test is
tests/tidy/tidy_test.py. To allow something new, change a table here and say why in its comment.
"""

import os
import re
import sys
from pathlib import Path

# What a library may include of the others. One that stands here nowhere is itself a breach.
LIBS = {
    "base": [],
    "json": ["base"],
    "http": ["base"],
    "retry": ["base"],
    "segment": ["base"],
    "lexical": ["base", "segment"],
    "vector": ["base", "segment"],
    "encoder": ["base", "json", "segment", "vector"],
    "crypto": ["base"],
    "telemetry": ["base"],
    "contracts": ["base", "json"],
    "config": ["base", "json"],
    "cache": ["base", "retry", "telemetry"],
    "store": ["base", "retry", "telemetry"],
    "ops_http": ["base", "http", "telemetry"],
    "net": ["base", "http", "telemetry"],
    "messaging": ["base", "json", "contracts", "retry", "telemetry"],
    "discord": ["base", "json", "contracts", "retry", "telemetry", "http", "net"],
    "runtime": ["base", "json", "http", "retry", "crypto", "telemetry", "contracts", "config",
                "cache", "store", "ops_http", "net", "messaging"],
}

# Services whose .cpp files speak a foreign JSON format, where a struct of ours would not do.
FOREIGN_JSON = []

# Include prefix -> where it may stand: a path prefix, and the suffixes of the files.
CPP, ANY = (".cpp",), (".cpp", ".h")
THIRD_PARTY = {
    "nlohmann/": [("libs/json/", CPP)] + [(path, CPP) for path in FOREIGN_JSON],
    "simdjson.h": [("libs/json/", CPP)],
    "httplib.h": [("libs/ops_http/", CPP)],
    "boost/": [("libs/net/", ANY)],  # its own headers between its .cpp files; net.h stays plain
    # In headers between the .cpp files of messaging only; node.h stays plain.
    "zmq": [("libs/messaging/", ANY), ("bench/rpc.cpp", CPP)],
    # FTS5 and Xapian are measured beside our own search.
    "sqlite3.h": [("libs/store/", CPP), ("bench/lexical_peers.cpp", CPP)],
    "xapian.h": [("bench/lexical_peers.cpp", CPP)],
    "hiredis/": [("libs/cache/", CPP)],
    "spdlog/": [("libs/telemetry/", CPP)],
    "prometheus/": [("libs/telemetry/", CPP)],
    # tests/libs/net makes certificates and TLS peers that misbehave.
    "openssl/": [("libs/crypto/", CPP), ("libs/net/", CPP), ("tests/libs/net/", ANY)],
    "libstemmer.h": [("libs/lexical/", CPP)],
    # The formats of pages and documents, which only crawler-extract reads.
    "libxml/": [("services/crawler/html.cpp", CPP)],
    "poppler/": [("services/crawler/pdf.cpp", CPP)],
    "zip.h": [("services/characters/", CPP)],  # CHARX, which no other service reads
    "zlib.h": [("libs/discord/", CPP), ("services/characters/png.cpp", CPP),
               # The hub's page is compressed once, at the start.
               ("services/hub/page_files.cpp", CPP)],
    "fmt/": [("", ANY)],
    "gtest/": [("tests/", ANY)],
    "benchmark/": [("bench/", CPP)],
    # Other people's vector search, which ours is measured beside.
    "hnswlib/": [("bench/vector_peers.cpp", CPP)],
    "faiss/": [("bench/vector_peers.cpp", CPP)],
    "omp.h": [("bench/vector_peers.cpp", CPP)],
    "usearch/": [("bench/vector_peers.cpp", CPP)],
}

# Headers of the C library, the kernel and the compiler: allowed anywhere.
SYSTEM = re.compile(r"(sys|linux|arpa|net|netinet)/\w+\.h|\w*intrin\.h|cpuid\.h|"
                    r"(dirent|dlfcn|errno|fcntl|ifaddrs|malloc|netdb|poll|pthread|pwd|resolv|sched|signal|"
                    r"spawn|stdio|stdlib|string|termios|time|unistd)\.h|[a-z_0-9]+")

# What the code (comments and strings aside) must not say, where, why, and in which files it may.
BANNED = [
    (re.compile(r"\bstd::w?regex\b"), ("libs/", "services/", "tests/"),
     "std::regex is slow and overflows the stack on long input", []),
    (re.compile(r"\bsleep_(for|until)\b"), ("libs/", "services/", "tests/"),
     "sleeping is not synchronisation: wait for the event, with a deadline", []),
    (re.compile(r"(?i:thread\w*|\))(\.|->)detach\(\)"), ("libs/", "services/", "tests/"),
     "no detached threads: std::jthread", []),
    (re.compile(r"\bGTEST_SKIP\b|\bDISABLED_\w"), ("tests/",), "nothing is skipped", []),
]
# Also inside strings: a shell command that sleeps is a sleep.
TEST_SLEEP = re.compile(r"\b(u|nano)?sleep\s*\(|\bsleep +[\d.$]")

SOURCE_DIRS = ("libs", "services", "tests", "bench")
SKIPPED_DIRS = {".git", "build", "data", "node_modules", "__pycache__", "seeds"}
NOT_CODE = {".json", ".jsonl", ".lock", ".md", ".tsv", ".csv"}  # may be as long as they like
LINES_MAX = 900
COLUMNS_MAX = 100

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/
    |(?P<raw>\bR"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")
    |"(?:\\.|[^"\\\n])*"
    |\b\d[\w']*            # a number, whose ' are not quotes
    |'(?:\\.|[^'\\\n])+'""", re.S | re.X)


class Source:
    """A file, its lines, its code without comments and strings, and the lines of raw strings."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.suffix = path.suffix
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.split("\n")
        self.raw_lines = set()
        self.code = TOKEN.sub(self._blanked, self.text).split("\n")
        # Of each: line number, whether in angle brackets, what.
        self.includes = []
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match and self.code[number - 1].lstrip().startswith("#"):
                self.includes.append((number, match[1] == "<", match[2]))

    def _blanked(self, match):
        text = match[0]
        if match["raw"] is not None:
            first = self.text.count("\n", 0, match.start()) + 1
            self.raw_lines.update(range(first, first + text.count("\n") + 1))
        if text[0].isdigit():
            return text
        return "\n" * text.count("\n") or " "


def read_cmake_deps(root):
    """{target: (public, private)} of every add_lib and add_service under `root`."""
    deps = {}
    for path in [*root.glob("libs/*/CMakeLists.txt"), *root.glob("services/*/CMakeLists.txt")]:
        text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
        for call in re.finditer(r"\badd_(?:lib|service)\s*\(([^)]*)\)", text):
            name, *words = call[1].split()
            lists = {"DEPS": [], "PRIVATE_DEPS": []}
            current = None
            for word in words:
                if word in ("SOURCES", "PROGRAM", *lists):
                    current = lists.get(word)
                elif current is not None:
                    current.append(word)
            deps[name] = (lists["DEPS"], lists["PRIVATE_DEPS"])
    return deps


def reachable(deps, target):
    """The targets whose headers `target` may include: its own, and what those give on publicly."""
    public, private = deps[target]
    found, open_ends = set(), [*public, *private]
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += deps.get(name, ([], []))[0]
    return found


def own_include(root, source, number, name, deps):
    """Breaches of one #include "..." of ours."""
    area, part = (source.path.split("/") + [""])[:2]
    folder = name.split("/")[0]
    is_lib, is_service = (root / "libs" / folder).is_dir(), (root / "services" / folder).is_dir()

    def found_under(*places):
        return any((root / place / name).is_file() for place in places)

    if not found_under("libs", "services", "tests", "bench"):
        yield number, f'"{name}" is not spelled from libs/, services/ or tests/'
    elif is_lib and found_under("libs"):
        if area == "libs" and folder != part and folder not in LIBS.get(part, []):
            yield number, f"libs/{part} may not include {folder}: not a lower layer"
        elif area in ("libs", "services") and folder != part and part in deps:
            if folder not in reachable(deps, part):
                yield number, f'"{name}": {area}/{part}/CMakeLists.txt does not name {folder}'
    elif is_service and found_under("services"):
        if area == "libs":
            yield number, f'"{name}": a library includes no service'
        elif area == "services" and folder != part:
            yield number, f'"{name}": services speak messages, they include no other service'
        elif source.path.startswith("tests/libs/"):
            yield number, f'"{name}": the test of a library includes no service'
    elif area in ("libs", "services"):
        yield number, f'"{name}": only tests and benches include that'


def foreign_include(source, number, name):
    """Breaches of one #include <...>."""
    for prefix, places in THIRD_PARTY.items():
        if name.startswith(prefix):
            if not any(source.path.startswith(path) and source.suffix in suffixes
                       for path, suffixes in places):
                where = ", ".join(f"{path or 'anywhere'}*{'|'.join(s)}" for path, s in places)
                yield number, f"<{name}> belongs only in {where}"
            return
    if not SYSTEM.fullmatch(name):
        yield number, f"<{name}>: unknown; scripts/tidy.py says where a third-party header may be"


def include_rules(root, source, deps):
    for number, angled, name in source.includes:
        if angled:
            yield from foreign_include(source, number, name)
        else:
            yield from own_include(root, source, number, name, deps)
    if source.suffix == ".cpp" and (root / source.path).with_suffix(".h").is_file():
        own = source.path.split("/", 1)[1][:-len(".cpp")] + ".h"
        if not source.includes or source.includes[0][2] != own:
            number = source.includes[0][0] if source.includes else 1
            yield number, f'the first include is the file\'s own header, "{own}"'


def form_rules(source):
    if source.suffix == ".h":
        first = next((n for n, line in enumerate(source.code, 1) if line.strip()), 1)
        if source.code[first - 1].strip() != "#pragma once":
            yield first, "a header starts with #pragma once"
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX and number not in source.raw_lines:
            yield number, f"{len(line)} columns, the limit is {COLUMNS_MAX}"
        if "\t" in line and number not in source.raw_lines:
            yield number, "a tab"
        if source.path.startswith("tests/") and TEST_SLEEP.search(line):
            yield number, "tests do not sleep: wait for the event, or turn a FakeClock"
    for pattern, areas, reason, allowed in BANNED:
        if source.path.startswith(areas) and source.path not in allowed:
            for number, line in enumerate(source.code, 1):
                if pattern.search(line):
                    yield number, reason


def tree_rules(root):
    """Rules for every text file, sources or not, and for the tables above."""
    for folder in sorted((root / "libs").glob("*/")):
        if folder.is_dir() and folder.name not in LIBS:
            yield f"libs/{folder.name}", 1, "scripts/tidy.py gives this library no layer"
    for base, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_DIRS)
        for name in sorted(files):
            path = Path(base) / name
            if path.suffix in NOT_CODE or path.is_symlink():
                continue
            data = path.read_bytes()
            if b"\0" not in data and data.count(b"\n") > LINES_MAX:
                lines = data.count(b"\n")
                yield path.relative_to(root).as_posix(), lines, f"over {LINES_MAX} lines: split it"


def breaches(root):
    """Every breach under `root`, as (path, line, reason)."""
    root = Path(root).resolve()
    deps = read_cmake_deps(root)
    yield from tree_rules(root)
    for area in SOURCE_DIRS:
        for path in sorted((root / area).rglob("*")):
            parts = set(path.relative_to(root).parts)
            if path.suffix not in (".h", ".cpp") or SKIPPED_DIRS & parts:
                continue
            source = Source(root, path)
            for number, reason in [*include_rules(root, source, deps), *form_rules(source)]:
                yield source.path, number, reason


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = sorted(set(breaches(root)))
    for path, number, reason in found:
        print(f"{path}:{number}: {reason}")
    print(f"tidy: {len(found)} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
