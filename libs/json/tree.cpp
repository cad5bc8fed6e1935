#include "json/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "base/utf8.h"

namespace json {
namespace {

constexpr std::size_t kFewMembers = 16;

}  // namespace

bool TreeBuilder::boolean(bool value) {
  Node made;
  made.kind = Kind::Boolean;
  made.boolean = value;
  return put(made);
}

bool TreeBuilder::integer(std::int64_t value) {
  Node made;
  made.kind = Kind::Integer;
  made.integer = value;
  return put(made);
}

bool TreeBuilder::unsigned_integer(std::uint64_t value) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  if (value <= static_cast<std::uint64_t>(kMax)) return integer(static_cast<std::int64_t>(value));
  return real(static_cast<double>(value));
}

bool TreeBuilder::real(double value) {
  Node made;
  made.kind = Kind::Real;
  made.real = value;
  return put(made);
}

bool TreeBuilder::string(std::string_view value) {
  Node made;
  made.kind = Kind::String;
  made.text = kept(value);
  return put(made);
}

bool TreeBuilder::key(std::string_view name) {
  key_ = kept(name);
  return true;
}

bool TreeBuilder::fail(std::string why) {
  if (error_.empty()) error_ = std::move(why);
  return false;
}

std::string_view TreeBuilder::kept(std::string_view text) {
  if (text.empty()) return {};
  char* place = static_cast<char*>(arena_.allocate(text.size(), 1));
  std::memcpy(place, text.data(), text.size());
  return {place, text.size()};
}

bool TreeBuilder::put(Node made) {
  if (++nodes_ > nodes_max_) return fail(fmt::format("has more than {} values", nodes_max_));
  made.key = std::exchange(key_, {});
  open_.push_back(made);
  return true;
}

// A container stands in open_ before its children until it is closed.
bool TreeBuilder::open(Kind kind) {
  if (starts_.size() >= depth_max_) {
    return fail(fmt::format("nested deeper than {} levels", depth_max_));
  }
  Node made;
  made.kind = kind;
  if (!put(made)) return false;
  starts_.push_back(open_.size());
  return true;
}

const Node& TreeBuilder::close() {
  const std::size_t start = starts_.back();
  starts_.pop_back();
  Node& container = open_[start - 1];
  container.size = open_.size() - start;
  if (container.size > 0) {
    auto* place = static_cast<Node*>(arena_.allocate(container.size * sizeof(Node), alignof(Node)));
    std::uninitialized_copy(open_.begin() + static_cast<std::ptrdiff_t>(start), open_.end(), place);
    container.items = place;
    open_.resize(start);
  }
  return open_[start - 1];
}

bool TreeBuilder::unique_keys(std::span<const Node> members) {
  const auto refuse = [&](std::string_view name) {
    return fail(fmt::format("duplicate key '{}'", utf8_prefix(name, 64)));
  };
  if (members.size() <= kFewMembers) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (members[i].key == members[k].key) return refuse(members[i].key);
      }
    }
    return true;
  }
  std::vector<std::string_view> keys;
  keys.reserve(members.size());
  for (const Node& member : members) keys.push_back(member.key);
  std::sort(keys.begin(), keys.end());
  const auto twin = std::adjacent_find(keys.begin(), keys.end());
  return twin == keys.end() || refuse(*twin);
}

}  // namespace json
