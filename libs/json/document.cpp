#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory_resource>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "base/utf8.h"
#include "json/json.h"

namespace json {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kFewMembers = 16;

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

const Node& node(const void* pointer) { return *static_cast<const Node*>(pointer); }

// Builds the tree from nlohmann's parser events, in an arena: a message is thousands of small
// values that live and die together. Refuses what the parser would let pass: depth and repeated
// keys.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::pmr::memory_resource& arena, std::size_t depth_max)
      : arena_(arena), depth_max_(depth_max) {}

  bool null() override { return put({}); }
  bool boolean(bool value) override {
    Node made;
    made.kind = Kind::Boolean;
    made.boolean = value;
    return put(made);
  }
  bool number_integer(std::int64_t value) override {
    Node made;
    made.kind = Kind::Integer;
    made.integer = value;
    return put(made);
  }
  bool number_unsigned(std::uint64_t value) override {
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    if (value <= static_cast<std::uint64_t>(kMax)) {
      return number_integer(static_cast<std::int64_t>(value));
    }
    return number_float(static_cast<double>(value), {});
  }
  bool number_float(double value, const std::string&) override {
    Node made;
    made.kind = Kind::Real;
    made.real = value;
    return put(made);
  }
  bool string(std::string& value) override {
    Node made;
    made.kind = Kind::String;
    made.text = kept(value);
    return put(made);
  }
  bool binary(Json::binary_t&) override { return fail("binary values are not JSON"); }
  bool key(std::string& name) override {
    key_ = kept(name);
    return true;
  }
  bool start_object(std::size_t) override { return open(Kind::Object); }
  bool end_object() override {
    const Node& closed = close();
    return unique_keys(closed.children());
  }
  bool start_array(std::size_t) override { return open(Kind::Array); }
  bool end_array() override {
    close();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& why) override {
    std::string_view text = why.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    if (const auto colon = text.find(": "); colon != std::string_view::npos) {
      text.remove_prefix(colon + 2);
    }
    return fail(
        fmt::format("not JSON at byte {}: {}", position, utf8_prefix(utf8_repaired(text), 160)));
  }

  const Node& root() const { return open_.front(); }
  std::string error;

 private:
  bool fail(std::string why) {
    if (error.empty()) error = std::move(why);
    return false;
  }

  std::string_view kept(std::string_view text) {
    if (text.empty()) return {};
    char* place = static_cast<char*>(arena_.allocate(text.size(), 1));
    std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
  }

  bool put(Node made) {
    made.key = std::exchange(key_, {});
    open_.push_back(made);
    return true;
  }

  // A container stands in open_ before its children until it is closed.
  bool open(Kind kind) {
    if (starts_.size() >= depth_max_) {
      return fail(fmt::format("nested deeper than {} levels", depth_max_));
    }
    Node made;
    made.kind = kind;
    put(made);
    starts_.push_back(open_.size());
    return true;
  }

  const Node& close() {
    const std::size_t start = starts_.back();
    starts_.pop_back();
    Node& container = open_[start - 1];
    container.size = open_.size() - start;
    if (container.size > 0) {
      auto* place =
          static_cast<Node*>(arena_.allocate(container.size * sizeof(Node), alignof(Node)));
      std::uninitialized_copy(open_.begin() + static_cast<std::ptrdiff_t>(start), open_.end(),
                              place);
      container.items = place;
      open_.resize(start);
    }
    return open_[start - 1];
  }

  bool unique_keys(std::span<const Node> members) {
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

  std::pmr::memory_resource& arena_;
  std::size_t depth_max_;
  std::string_view key_;
  std::vector<Node> open_;           // values whose container is still open, and the root
  std::vector<std::size_t> starts_;  // of the open containers: where their children begin
};

void write(Writer& writer, const Node& value) {
  switch (value.kind) {
    case Kind::Null:
      return writer.null();
    case Kind::Boolean:
      return writer.boolean(value.boolean);
    case Kind::Integer:
      return writer.integer(value.integer);
    case Kind::Real:
      return writer.real(value.real);
    case Kind::String:
      return writer.string(value.text);
    case Kind::Array:
      writer.begin_array();
      for (const Node& item : value.children()) write(writer, item);
      return writer.end_array();
    case Kind::Object:
      writer.begin_object();
      for (const Node& member : value.children()) {
        writer.key(member.key);
        write(writer, member);
      }
      return writer.end_object();
  }
}

}  // namespace

struct Document::Impl {
  explicit Impl(std::size_t bytes) : arena(bytes) {}

  std::pmr::monotonic_buffer_resource arena;
  Node root;
};

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::parse(std::string_view text, ParseOptions options) {
  // To the parser a zero byte is the end of the text, whatever follows.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
    return Error{Code::InvalidArgument, fmt::format("not JSON at byte {}: a zero byte", zero + 1)};
  }
  // Nodes and texts together take about this much.
  auto impl = std::make_unique<Impl>(std::max<std::size_t>(1024, text.size() * 2));
  Builder builder(impl->arena, options.depth_max);
  const bool parsed = Json::sax_parse(text.begin(), text.end(), &builder,
                                      Json::input_format_t::json, true, options.comments);
  if (!parsed) return Error{Code::InvalidArgument, std::move(builder.error)};
  impl->root = builder.root();
  return Document(std::move(impl));
}

Value Document::root() const { return Value(&impl_->root); }

Kind Value::kind() const { return node(node_).kind; }

bool Value::boolean() const { return is(Kind::Boolean) && node(node_).boolean; }

std::int64_t Value::integer() const {
  const Node& n = node(node_);
  if (n.kind == Kind::Integer) return n.integer;
  if (n.kind != Kind::Real) return 0;
  if (n.real >= 9.2e18) return std::numeric_limits<std::int64_t>::max();
  if (n.real <= -9.2e18) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(n.real);
}

double Value::number() const {
  const Node& n = node(node_);
  if (n.kind == Kind::Integer) return static_cast<double>(n.integer);
  return n.kind == Kind::Real ? n.real : 0.0;
}

std::string_view Value::string() const { return node(node_).text; }

std::size_t Value::size() const { return node(node_).size; }

Value Value::at(std::size_t index) const { return Value(&node(node_).items[index]); }

std::optional<Value> Value::find(std::string_view key) const {
  if (!is(Kind::Object)) return std::nullopt;
  for (const Node& member : node(node_).children()) {
    if (member.key == key) return Value(&member);
  }
  return std::nullopt;
}

void Value::each_member(const std::function<void(std::string_view, Value)>& visit) const {
  if (!is(Kind::Object)) return;
  for (const Node& member : node(node_).children()) visit(member.key, Value(&member));
}

std::string Value::dump() const {
  Writer writer;
  write(writer, node(node_));
  return writer.take();
}

std::string_view Value::text_or(std::string_view key, std::string_view fallback) const {
  const auto member = find(key);
  return member && member->is(Kind::String) ? member->string() : fallback;
}

double Value::number_or(std::string_view key, double fallback) const {
  const auto member = find(key);
  if (!member || !(member->is(Kind::Integer) || member->is(Kind::Real))) return fallback;
  return member->number();
}

}  // namespace json
