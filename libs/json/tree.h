#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"

// The tree behind a Document and how it is built. Inside libs/json only.
namespace json {

// One value of the tree. Children and texts lie in the document's arena.
struct Node {
  std::string_view key;   // in an object
  std::string_view text;  // of a string
  const Node* items = nullptr;
  std::size_t size = 0;  // of items
  union {
    bool boolean;
    std::int64_t integer = 0;
    double real;
  };
  Kind kind = Kind::Null;

  std::span<const Node> children() const { return {items, size}; }
};

// Builds a tree from what a parser meets, in an arena: a message is thousands of small values that
// live and die together. Refuses what parsers let pass: depth, too many values and repeated keys.
// Each call says whether to go on; error() says why not.
class TreeBuilder {
 public:
  TreeBuilder(std::pmr::memory_resource& arena, const ParseOptions& options)
      : arena_(arena),
        depth_max_(options.depth_max),
        nodes_max_(options.nodes_max),
        starts_(&arena) {
    open_.reserve(64);
  }

  bool null() { return put({}); }
  bool boolean(bool value);
  bool integer(std::int64_t value);
  bool unsigned_integer(std::uint64_t value);  // a real when it has no place in 64 bits with a sign
  bool real(double value);
  bool string(std::string_view value);
  bool key(std::string_view name);
  bool begin_object() { return open(Kind::Object); }
  bool end_object() { return unique_keys(close().children()); }
  bool begin_array() { return open(Kind::Array); }
  bool end_array() {
    close();
    return true;
  }
  bool fail(std::string why);

  const Node& root() const { return open_.front(); }
  const std::string& error() const { return error_; }

 private:
  std::string_view kept(std::string_view text);
  bool put(Node made);
  bool open(Kind kind);
  const Node& close();
  bool unique_keys(std::span<const Node> members);

  std::pmr::memory_resource& arena_;
  std::size_t depth_max_;
  std::size_t nodes_max_;
  std::size_t nodes_ = 0;
  std::string error_;
  std::string_view key_;
  // Values whose container is still open, and the root. Not in the arena, which would keep what it
  // outgrows.
  std::vector<Node> open_;
  std::pmr::vector<std::size_t> starts_;  // of the open containers: where their children begin
};

// parse_strict.cpp, nlohmann: the last word on what is JSON, and the words for what is not.
bool parse_strict(std::string_view text, const ParseOptions& options, TreeBuilder& tree);

// parse_fast.cpp, simdjson: ten times as fast, and holds all of the text's values before the tree
// sees one. False says only that parse_strict has to look.
bool parse_fast(std::string_view text, TreeBuilder& tree);

}  // namespace json
