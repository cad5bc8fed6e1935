#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

// JSON (RFC 8259) in and out, without nlohmann's header in anybody's translation unit.
// Struct <-> JSON is json/codec.h.
namespace json {

// A member that holds any JSON, kept as text.
struct Text {
  std::string text = "null";
  friend bool operator==(const Text&, const Text&) = default;
};

// Integer: one that fits 64 bits with a sign; any other number is Real.
enum class Kind { Null, Boolean, Integer, Real, String, Array, Object };

// A node of a parsed document; a view that lives as long as its Document. Reading a node as another
// kind gives that kind's empty value.
class Value {
 public:
  explicit Value(const void* node) : node_(node) {}

  Kind kind() const;
  bool is(Kind wanted) const { return kind() == wanted; }
  bool boolean() const;
  std::int64_t integer() const;  // reals are cut; out-of-range clamps
  double number() const;         // of integers too
  std::string_view string() const;
  std::size_t size() const;  // items of an array or members of an object, else 0
  Value at(std::size_t index) const;
  std::optional<Value> find(std::string_view key) const;
  void each_member(const std::function<void(std::string_view, Value)>& visit) const;
  std::string dump() const;

  // Shorthand for foreign formats: the member as text or number, or the fallback.
  std::string_view text_or(std::string_view key, std::string_view fallback) const;
  double number_or(std::string_view key, double fallback) const;

 private:
  const void* node_;
};

struct ParseOptions {
  std::size_t depth_max = limits::kJsonDepth;
  // Of all values together, each of which takes some hundred bytes of memory while it is read. A
  // body of 1 MiB has at most 524,288.
  std::size_t nodes_max = 2'000'000;
  bool comments = false;  // // and /* */, for files that people write
};

// A parsed text. Strict: well-formed UTF-8, no duplicate keys, bounded depth and count of values.
// Movable.
class Document {
 public:
  // InvalidArgument says where the text stops being JSON.
  static Result<Document> parse(std::string_view text, ParseOptions options = {});
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  Value root() const;

 private:
  struct Impl;
  explicit Document(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes JSON text straight, without a tree. Commas are the writer's business. Strings that are not
// UTF-8 are repaired; numbers that JSON cannot say become null.
class Writer {
 public:
  Writer() { text_.reserve(256); }
  void begin_object();
  void end_object();
  void begin_array();
  void end_array();
  void key(std::string_view name);
  void string(std::string_view value);
  void integer(std::int64_t value);
  void real(double value);
  void boolean(bool value);
  void null();
  void raw(std::string_view json);  // must be JSON

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void separate();
  std::string text_;
  bool comma_ = false;
};

// `text` as a JSON string with its quotes.
std::string quoted(std::string_view text);

}  // namespace json
