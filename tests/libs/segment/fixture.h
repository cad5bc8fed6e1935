#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "segment/file.h"
#include "segment/writer.h"
#include "support/temp_dir.h"

namespace segment::testing {

inline constexpr Identity kTest{kind("test"), 3};

using Folder = support::TempDir;

inline std::string read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::vector<std::uint32_t> numbers(std::size_t count, std::uint32_t first = 0) {
  std::vector<std::uint32_t> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

template <class T>
void add(Writer& writer, const std::string& name, const std::vector<T>& values) {
  writer.add(name, std::span<const T>(values)).value();
}

// Three blocks: of 40 bytes, empty, and of 12 bytes.
inline void write_small(const std::string& path, std::uint32_t first = 0,
                        Identity identity = kTest) {
  const auto writer = Writer::create(path, identity).value();
  add(*writer, "ten", numbers(10, first));
  add(*writer, "none", numbers(0));
  add(*writer, "three", numbers(3, 7));
  writer->finish().value();
}

inline std::vector<std::uint32_t> values(const File& file, const std::string& name) {
  const auto span = file.array<std::uint32_t>(name).value();
  return {span.begin(), span.end()};
}

inline Error open_error(const std::string& path, Identity identity = kTest) {
  return File::open(path, identity).error();
}

}  // namespace segment::testing
