#include <simdjson.h>

#include <cassert>

#include "json/tree.h"

namespace json {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// What the element is, known to be a T.
template <class T>
T as(element from) {
  T value{};
  [[maybe_unused]] const simdjson::error_code error = from.get(value);
  assert(error == simdjson::SUCCESS);
  return value;
}

// The tree bounds the depth.
bool copy(element from, TreeBuilder& tree) {
  switch (from.type()) {
    case element_type::NULL_VALUE:
      return tree.null();
    case element_type::BOOL:
      return tree.boolean(as<bool>(from));
    case element_type::INT64:
      return tree.integer(as<std::int64_t>(from));
    case element_type::UINT64:
      return tree.unsigned_integer(as<std::uint64_t>(from));
    case element_type::DOUBLE:
      return tree.real(as<double>(from));
    case element_type::STRING:
      return tree.string(as<std::string_view>(from));
    case element_type::ARRAY: {
      if (!tree.begin_array()) return false;
      const auto items = as<simdjson::dom::array>(from);
      for (const element item : items) {
        if (!copy(item, tree)) return false;
      }
      return tree.end_array();
    }
    case element_type::OBJECT: {
      if (!tree.begin_object()) return false;
      const auto members = as<simdjson::dom::object>(from);
      for (const auto member : members) {
        tree.key(member.key);
        if (!copy(member.value, tree)) return false;
      }
      return tree.end_object();
    }
  }
  return false;
}

}  // namespace

bool parse_fast(std::string_view text, TreeBuilder& tree) {
  constexpr std::size_t kKeptBytes = 256 * 1024;
  // One a thread: its buffers grow to the largest text and are made anew after a very large one.
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  const bool parsed = parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS;
  const bool copied = parsed && copy(root, tree);
  if (parser.capacity() > kKeptBytes) parser = simdjson::dom::parser();
  return copied;
}

}  // namespace json
