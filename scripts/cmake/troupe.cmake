# The project's vocabulary for targets: add_lib, add_service, add_unit_test, add_fuzz_target,
# add_forms, add_bench.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# One optimised build with assertions serves the stack and its tests.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(TROUPE_SANITIZE "" CACHE STRING "Sanitizers to build with, as for -fsanitize=")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(cppzmq REQUIRED)
option(TROUPE_TESTS "Build the tests and measurements as well as the programs" ON)
if(TROUPE_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
find_package(Boost 1.81 REQUIRED)
find_package(ZLIB REQUIRED)
# Debian's cpp-httplib is a compiled library: without its flags a client segfaults.
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(poppler REQUIRED IMPORTED_TARGET poppler-cpp)
find_package(LibXml2 REQUIRED)
find_library(STEMMER stemmer REQUIRED)

add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion
  -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(warnings INTERFACE -Wno-restrict)  # GCC bug 105329
else()
  target_compile_options(warnings INTERFACE -Wno-sign-conversion)  # no part of GCC's -Wconversion
endif()

add_library(sanitizers INTERFACE)
if(TROUPE_SANITIZE)
  target_compile_options(sanitizers INTERFACE -fsanitize=${TROUPE_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sanitizers INTERFACE -fsanitize=${TROUPE_SANITIZE})
  if(TROUPE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sanitizers INTERFACE -Wno-tsan)  # Asio's fences, which it cannot model
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Clang 14 cannot split a coroutine that carries this check's data in front of its code.
    target_compile_options(sanitizers INTERFACE -fno-sanitize=function)
  endif()
endif()

add_link_options(-fuse-ld=lld -Wl,--as-needed)

# add_lib(NAME SOURCES a.cpp... [DEPS public...] [PRIVATE_DEPS hidden...])
function(add_lib name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/libs)
    target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS} warnings sanitizers)
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR}/libs)
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
  endif()
endfunction()

# add_service(NAME SOURCES a.cpp... DEPS ...): the library NAME_objects and the executable
# troupe-NAME from main.cpp; with PROGRAM the executable gets that name instead.
function(add_service name)
  cmake_parse_arguments(arg "" "PROGRAM" "SOURCES;DEPS" ${ARGN})
  if(NOT arg_PROGRAM)
    set(arg_PROGRAM troupe-${name})
  endif()
  add_library(${name}_objects STATIC ${arg_SOURCES})
  target_include_directories(${name}_objects PUBLIC ${PROJECT_SOURCE_DIR}/services)
  target_link_libraries(${name}_objects PUBLIC ${arg_DEPS} PRIVATE warnings sanitizers)
  add_executable(${arg_PROGRAM} main.cpp)
  target_link_libraries(${arg_PROGRAM} PRIVATE ${name}_objects warnings sanitizers)
endfunction()

# add_unit_test(NAME SOURCES a_test.cpp... DEPS ...): one binary, one ctest entry a file of tests.
# Tests are compiled without optimisation and in batches: they are built once and run for seconds.
function(add_unit_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_test ${arg_SOURCES})
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name}_test PRIVATE ${arg_DEPS} GTest::gtest_main warnings sanitizers)
  target_compile_options(${name}_test PRIVATE -O0)
  set_target_properties(${name}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME unit.${name} COMMAND ${name}_test)
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120)
endfunction()

# add_forms(NAME LABEL label TIMEOUTS short long COMMAND ... [ENVIRONMENT ...]): a test of which ctest
# runs a sample, NAME, and under `ctest -C long -LE sample` the whole, long.NAME.
function(add_forms name)
  cmake_parse_arguments(arg "" "LABEL" "TIMEOUTS;COMMAND;ENVIRONMENT" ${ARGN})
  list(GET arg_TIMEOUTS 0 short)
  list(GET arg_TIMEOUTS 1 long)
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES LABELS "sample;${arg_LABEL}" TIMEOUT ${short}
    ENVIRONMENT "TROUPE_TEST_FORM=short;${arg_ENVIRONMENT}")
  add_test(NAME long.${name} COMMAND ${arg_COMMAND} CONFIGURATIONS long)
  set_tests_properties(long.${name} PROPERTIES LABELS "long;${arg_LABEL}" TIMEOUT ${long}
    ENVIRONMENT "TROUPE_TEST_FORM=long;${arg_ENVIRONMENT}")
endfunction()

# add_fuzz_target(NAME DEPS ...): NAME.cpp as build/<preset>/fuzz/fuzz-NAME on our own driver and,
# in the preset fuzz, as libfuzzer-NAME beside it, which the long form runs when it is there.
function(add_fuzz_target name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  set(programs fuzz-${name})
  add_executable(fuzz-${name} ${name}.cpp $<TARGET_OBJECTS:fuzz_driver>)
  if(TROUPE_SANITIZE MATCHES "fuzzer")
    add_executable(libfuzzer-${name} ${name}.cpp)
    target_link_options(libfuzzer-${name} PRIVATE -fsanitize=fuzzer)
    list(APPEND programs libfuzzer-${name})
  endif()
  foreach(program ${programs})
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${program} PRIVATE ${arg_DEPS} base fmt::fmt warnings sanitizers)
    target_compile_options(${program} PRIVATE -O1)
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    add_dependencies(fuzzers ${program})
  endforeach()
  add_forms(fuzz.${name} LABEL fuzz TIMEOUTS 120 7200
    COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/fuzz/run.py
      $<TARGET_FILE:fuzz-${name}> ${PROJECT_SOURCE_DIR}/build/fuzz/fuzz/libfuzzer-${name})
endfunction()

# add_bench(NAME SOURCES a.cpp... DEPS ...): build/<preset>/bench/NAME.
function(add_bench name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(bench_${name} ${arg_SOURCES})
  target_link_libraries(bench_${name} PRIVATE ${arg_DEPS} warnings sanitizers)
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()
