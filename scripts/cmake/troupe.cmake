# The project's vocabulary for targets: add_lib, add_service, add_unit_test, add_bench.

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
find_package(prometheus-cpp REQUIRED)
find_package(cppzmq REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(Boost 1.81 REQUIRED)
# Debian's cpp-httplib is a compiled library: without its flags a client segfaults.
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
find_library(STEMMER stemmer REQUIRED)

add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion
  -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(warnings INTERFACE -Wno-restrict)  # GCC bug 105329
endif()

add_library(sanitizers INTERFACE)
if(TROUPE_SANITIZE)
  target_compile_options(sanitizers INTERFACE -fsanitize=${TROUPE_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sanitizers INTERFACE -fsanitize=${TROUPE_SANITIZE})
  if(TROUPE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sanitizers INTERFACE -Wno-tsan)  # Asio's fences, which it cannot model
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

# add_bench(NAME SOURCES a.cpp... DEPS ...): build/<preset>/bench/NAME.
function(add_bench name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(bench_${name} ${arg_SOURCES})
  target_link_libraries(bench_${name} PRIVATE ${arg_DEPS} warnings sanitizers)
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()
