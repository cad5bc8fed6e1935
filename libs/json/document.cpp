#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "json/json.h"

namespace json {
namespace {

using Node = nlohmann::json;

const Node& node(const void* pointer) { return *static_cast<const Node*>(pointer); }

// Builds the tree and refuses what nlohmann's own builder would let pass: depth and repeated keys.
class Builder : public nlohmann::json_sax<Node> {
 public:
  explicit Builder(std::size_t depth_max) : depth_max_(depth_max) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Node::binary_t&) override { return fail("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(Node::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Node::array()); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    auto& object = stack_.back()->get_ref<Node::object_t&>();
    const auto [at, added] = object.emplace(name, nullptr);
    if (!added) return fail(fmt::format("duplicate key '{}'", utf8_prefix(name, 64)));
    slot_ = &at->second;
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

  Node root;
  std::string error;

 private:
  bool fail(std::string why) {
    if (error.empty()) error = std::move(why);
    return false;
  }

  Node* place(Node value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    if (stack_.back()->is_object()) {
      *slot_ = std::move(value);
      return slot_;
    }
    auto& array = stack_.back()->get_ref<Node::array_t&>();
    array.push_back(std::move(value));
    return &array.back();
  }

  bool put(Node value) {
    place(std::move(value));
    return true;
  }

  bool open(Node container) {
    if (stack_.size() >= depth_max_) {
      return fail(fmt::format("nested deeper than {} levels", depth_max_));
    }
    stack_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  std::size_t depth_max_;
  std::vector<Node*> stack_;
  Node* slot_ = nullptr;
};

}  // namespace

struct Document::Impl {
  Node root;
};

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::parse(std::string_view text, ParseOptions options) {
  Builder builder(options.depth_max);
  const bool parsed = Node::sax_parse(text.begin(), text.end(), &builder,
                                      Node::input_format_t::json, true, options.comments);
  if (!parsed) return Error{Code::InvalidArgument, std::move(builder.error)};
  auto impl = std::make_unique<Impl>();
  impl->root = std::move(builder.root);
  return Document(std::move(impl));
}

Value Document::root() const { return Value(&impl_->root); }

Kind Value::kind() const {
  switch (node(node_).type()) {
    case Node::value_t::null:
      return Kind::Null;
    case Node::value_t::boolean:
      return Kind::Boolean;
    case Node::value_t::number_integer:
      return Kind::Integer;
    // What no int64 holds must not pass for one that was clamped.
    case Node::value_t::number_unsigned:
      return std::in_range<std::int64_t>(node(node_).get<std::uint64_t>()) ? Kind::Integer
                                                                           : Kind::Real;
    case Node::value_t::number_float:
      return Kind::Real;
    case Node::value_t::string:
      return Kind::String;
    case Node::value_t::array:
      return Kind::Array;
    case Node::value_t::object:
      return Kind::Object;
    case Node::value_t::binary:
    case Node::value_t::discarded:
      break;
  }
  return Kind::Null;
}

bool Value::boolean() const { return is(Kind::Boolean) && node(node_).get<bool>(); }

std::int64_t Value::integer() const {
  const Node& n = node(node_);
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  if (n.is_number_unsigned()) {
    const auto value = n.get<std::uint64_t>();
    return value > static_cast<std::uint64_t>(kMax) ? kMax : static_cast<std::int64_t>(value);
  }
  if (n.is_number_integer()) return n.get<std::int64_t>();
  if (!n.is_number_float()) return 0;
  const double value = n.get<double>();
  if (value >= 9.2e18) return kMax;
  if (value <= -9.2e18) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

double Value::number() const {
  const Node& n = node(node_);
  return n.is_number() ? n.get<double>() : 0.0;
}

std::string_view Value::string() const {
  const Node& n = node(node_);
  return n.is_string() ? std::string_view(n.get_ref<const std::string&>()) : std::string_view{};
}

std::size_t Value::size() const {
  const Node& n = node(node_);
  return n.is_structured() ? n.size() : 0;
}

Value Value::at(std::size_t index) const { return Value(&node(node_).at(index)); }

std::optional<Value> Value::find(std::string_view key) const {
  const Node& n = node(node_);
  if (!n.is_object()) return std::nullopt;
  const auto at = n.find(key);
  if (at == n.end()) return std::nullopt;
  return Value(&*at);
}

void Value::each_member(const std::function<void(std::string_view, Value)>& visit) const {
  const Node& n = node(node_);
  if (!n.is_object()) return;
  for (const auto& [key, member] : n.get_ref<const Node::object_t&>()) visit(key, Value(&member));
}

std::string Value::dump() const {
  return node(node_).dump(-1, ' ', false, Node::error_handler_t::replace);
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
