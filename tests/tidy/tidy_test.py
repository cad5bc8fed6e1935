#!/usr/bin/env python3
"""Feeds scripts/tidy.py small trees with one breach each, and sees it found.

usage: tidy_test.py FOLDER_OF_SCRIPTS
"""

import contextlib
import importlib.util
import io
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "scripts")


def load(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tidy = load("tidy")
test_summary = load("test_summary")

# A tree without a breach; each test adds or replaces files.
CLEAN = {
    "libs/base/CMakeLists.txt": "add_lib(base SOURCES error.cpp)\n",
    "libs/base/error.h": "#pragma once\n\n#include <string>\n",
    "libs/base/error.cpp": '#include "base/error.h"\n\n#include <fmt/format.h>\n',
    "libs/json/CMakeLists.txt": "add_lib(json SOURCES a.cpp DEPS base)\n",
    "libs/json/json.h": '#pragma once\n\n#include "base/error.h"\n',
    "libs/http/CMakeLists.txt": "add_lib(http DEPS base)\n",
    "libs/http/http.h": "#pragma once\n",
    "services/llm/CMakeLists.txt": "add_service(llm SOURCES a.cpp\n  DEPS json)  # comment\n",
    "services/llm/model.h": '#pragma once\n\n#include "json/json.h"\n',
    "services/router/turn.h": "#pragma once\n",
    "tests/support/fake.h": "#pragma once\n",
    "tests/services/llm/model_test.cpp":
        '#include "llm/model.h"\n\n#include <gtest/gtest.h>\n\n#include "support/fake.h"\n',
}


def check(files):
    """The breaches of CLEAN with `files` on top, as 'path:line: reason' strings."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**CLEAN, **files}.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return [f"{path}:{line}: {reason}" for path, line, reason in tidy.breaches(folder)]


class TidyTest(unittest.TestCase):

    def expect(self, name, text, *wanted):
        """`name` with `text` gives exactly the breaches that begin with `wanted`, in order."""
        found = check({name: text})
        self.assertEqual(len(found), len(wanted), found)
        for breach, start in zip(found, wanted):
            self.assertTrue(breach.startswith(start), f"{breach!r} does not begin with {start!r}")

    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(check({}), [])

    def test_a_library_does_not_include_a_higher_one(self):
        self.expect("libs/base/up.h", '#pragma once\n#include "json/json.h"\n',
                    "libs/base/up.h:2: libs/base may not include json")

    def test_a_library_without_a_layer_is_a_breach(self):
        self.expect("libs/misc/misc.h", "#pragma once\n", "libs/misc:1: ")

    def test_a_library_names_in_cmake_what_it_includes(self):
        self.assertEqual(
            check({"libs/config/CMakeLists.txt": "add_lib(config SOURCES c.cpp DEPS json)\n",
                   "libs/config/c.h": '#pragma once\n#include "base/error.h"\n'}), [])
        found = check({"libs/config/CMakeLists.txt": "add_lib(config SOURCES c.cpp DEPS base)\n",
                       "libs/config/c.h": '#pragma once\n#include "json/json.h"\n'})
        self.assertEqual(found, ['libs/config/c.h:2: "json/json.h": libs/config/CMakeLists.txt '
                                 'does not name json'])

    def test_a_service_names_in_cmake_what_it_includes(self):
        self.expect("services/llm/door.h", '#pragma once\n#include "http/http.h"\n',
                    'services/llm/door.h:2: "http/http.h": services/llm/CMakeLists.txt')

    def test_a_service_does_not_include_another(self):
        self.expect("services/llm/other.h", '#pragma once\n#include "router/turn.h"\n',
                    "services/llm/other.h:2: ")

    def test_a_library_includes_no_service(self):
        self.expect("libs/http/bad.h", '#pragma once\n#include "llm/model.h"\n',
                    "libs/http/bad.h:2: ")

    def test_the_test_of_a_library_includes_no_service(self):
        self.expect("tests/libs/http/bad_test.cpp", '#include "llm/model.h"\n',
                    "tests/libs/http/bad_test.cpp:1: ")

    def test_a_service_includes_no_test_support(self):
        self.expect("services/llm/bad.h", '#pragma once\n#include "support/fake.h"\n',
                    "services/llm/bad.h:2: ")

    def test_an_include_is_spelled_with_its_folder(self):
        self.expect("services/llm/bad.h", '#pragma once\n#include "model.h"\n',
                    "services/llm/bad.h:2: ")

    def test_third_party_headers_stay_in_their_library(self):
        for header, path in {
                "nlohmann/json.hpp": "services/llm/a.cpp",
                "httplib.h": "tests/services/llm/door_test.cpp",
                "boost/asio.hpp": "services/llm/a.cpp",
                "zmq.hpp": "libs/http/a.cpp",
                "sqlite3.h": "services/llm/a.cpp",
                "hiredis/hiredis.h": "services/llm/a.cpp",
                "spdlog/spdlog.h": "libs/base/a.cpp",
                "prometheus/counter.h": "services/llm/a.cpp",
                "openssl/sha.h": "services/llm/a.cpp",
                "libstemmer.h": "services/llm/a.cpp",
                "gtest/gtest.h": "services/llm/a.cpp",
                "benchmark/benchmark.h": "tests/services/llm/a_test.cpp",
                "curl/curl.h": "services/llm/a.cpp",
        }.items():
            with self.subTest(header):
                self.expect(path, f"#include <{header}>\n", f"{path}:1: <{header}>")

    def test_third_party_headers_stay_out_of_headers(self):
        self.expect("libs/json/bad.h", "#pragma once\n#include <nlohmann/json.hpp>\n",
                    "libs/json/bad.h:2: ")
        self.expect("libs/json/good.cpp", "#include <nlohmann/json.hpp>\n")

    def test_system_headers_are_allowed(self):
        self.expect("services/llm/a.cpp",
                    "#include <vector>\n#include <sys/wait.h>\n#include <poll.h>\n")

    def test_a_header_starts_with_pragma_once(self):
        self.expect("libs/base/bad.h", "#include <string>\n#pragma once\n", "libs/base/bad.h:1: ")
        self.expect("libs/base/good.h", "// A story first.\n#pragma once\n")

    def test_the_first_include_is_the_own_header(self):
        self.expect("services/llm/model.cpp", '#include <string>\n#include "llm/model.h"\n',
                    "services/llm/model.cpp:1: ")
        self.expect("services/llm/model.cpp", "\n", "services/llm/model.cpp:1: ")

    def test_lines_and_files_are_short(self):
        self.expect("libs/base/a.cpp", "// " + "x" * 98 + "\n", "libs/base/a.cpp:1: 101 columns")
        self.expect("libs/base/a.cpp", "// " + "é" * 97 + "\n")
        self.expect("scripts/long.py", "\n" * 901, "scripts/long.py:901: over 900 lines")
        self.expect("data.json", "\n" * 901)

    def test_a_raw_string_may_be_long(self):
        self.expect("libs/base/a.cpp", 'auto a = R"(\n\t' + "x" * 120 + '\n)";\n')

    def test_no_tabs(self):
        self.expect("libs/base/a.cpp", "\tint a;\n", "libs/base/a.cpp:1: a tab")

    def test_banned_words_are_found_in_code_only(self):
        self.expect("services/llm/a.cpp", "std::regex r;\n", "services/llm/a.cpp:1: ")
        self.expect("services/llm/a.cpp", "sleep_for(1s);\n", "services/llm/a.cpp:1: ")
        self.expect("services/llm/a.cpp", "\nthread_.detach();\n", "services/llm/a.cpp:2: ")
        self.expect("services/llm/a.cpp", "std::thread(f).detach();\n", "services/llm/a.cpp:1: ")
        self.expect("services/llm/a.cpp", "queue_->detach();\n")
        self.expect("services/llm/a.cpp", '// std::regex\nf("a.detach()", 1\'000);\n')

    def test_a_test_neither_sleeps_nor_is_skipped(self):
        path = "tests/services/llm/a_test.cpp"
        self.expect(path, "usleep(10);\n", f"{path}:1: tests do not")
        self.expect(path, 'run("sh -c \'sleep 1\'");\n', f"{path}:1: tests do not")
        self.expect(path, 'say("Go to sleep, Brian.");\n')
        self.expect(path, "GTEST_SKIP();\n", f"{path}:1: nothing is skipped")


class TestSummaryTest(unittest.TestCase):

    CASES = '<testcase name="a" status="run"/><testcase name="b" status="run"/>'

    def summary(self, cases, status=0):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as results:
            results.write(f"<testsuite>{cases}</testsuite>")
            results.flush()
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = test_summary.main([results.name, str(status)])
        return code, output.getvalue().splitlines()[-1]

    def test_it_counts_what_passed(self):
        self.assertEqual(self.summary(self.CASES), (0, "2 passed, 0 failed"))

    def test_what_did_not_run_has_failed(self):
        for status in ("fail", "notrun", "disabled"):
            case = f'<testcase name="c" status="{status}"/>'
            self.assertEqual(self.summary(self.CASES + case), (1, "2 passed, 1 failed"))

    def test_no_test_is_a_failure(self):
        self.assertEqual(self.summary(""), (1, "0 passed, 0 failed"))

    def test_a_failure_of_ctest_itself_counts(self):
        self.assertEqual(self.summary(self.CASES, status=8), (1, "2 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
