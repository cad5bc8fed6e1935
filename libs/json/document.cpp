#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <memory_resource>
#include <utility>

#include "json/json.h"
#include "json/tree.h"

namespace json {
namespace {

// Whether the text may have more values than that, commas within strings taken for real ones. A
// value takes two bytes at least, with what parts it from the next.
bool may_exceed(std::string_view text, std::size_t nodes_max) {
  if (text.size() / 2 < nodes_max) return false;
  const auto parts = std::count_if(text.begin(), text.end(),
                                   [](char c) { return c == ',' || c == '[' || c == '{'; });
  return static_cast<std::size_t>(parts) >= nodes_max;
}

const Node& node(const void* pointer) { return *static_cast<const Node*>(pointer); }

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

// Where a document begins: one block a thread, lent to one document after another, saves the
// allocator a large block a message. Who finds it lent gets one of his own.
class Scratch {
 public:
  static constexpr std::size_t kBytes = 64 * 1024;
  Scratch() : bytes_(std::exchange(kept, nullptr)) {
    if (bytes_ == nullptr) bytes_ = std::make_unique_for_overwrite<std::byte[]>(kBytes);
  }
  ~Scratch() { kept = std::move(bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::byte* get() const { return bytes_.get(); }

 private:
  static thread_local std::unique_ptr<std::byte[]> kept;
  std::unique_ptr<std::byte[]> bytes_;
};
thread_local std::unique_ptr<std::byte[]> Scratch::kept;

}  // namespace

struct Document::Impl {
  Scratch scratch;
  std::pmr::monotonic_buffer_resource arena{scratch.get(), Scratch::kBytes};
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
  if (!options.comments && !may_exceed(text, options.nodes_max)) {
    auto impl = std::make_unique<Impl>();
    TreeBuilder tree(impl->arena, options);
    if (parse_fast(text, tree)) {
      impl->root = tree.root();
      return Document(std::move(impl));
    }
  }
  auto impl = std::make_unique<Impl>();
  TreeBuilder tree(impl->arena, options);
  if (!parse_strict(text, options, tree)) return Error{Code::InvalidArgument, tree.error()};
  impl->root = tree.root();
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
