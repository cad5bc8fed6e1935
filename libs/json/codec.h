#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/fields.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/json.h"

// Struct <-> JSON by way of fields() (base/fields.h). Receivers ignore unknown members.
namespace json {

namespace detail {

// What is wrong, and where: "participants[2].id" and "must be a string".
struct Problem {
  std::string path;
  std::string text;

  Problem under(std::string_view parent) && {
    const bool dot = !path.empty() && path.front() != '[';
    path = fmt::format("{}{}{}", parent, dot ? "." : "", path);
    return std::move(*this);
  }
};
using Check = std::optional<Problem>;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct WithoutOptional : std::type_identity<T> {};
template <class T>
struct WithoutOptional<std::optional<T>> : std::type_identity<T> {};

inline Check wrong(std::string text) { return Problem{{}, std::move(text)}; }

template <class N>
Check in_range(N value, const Field& field) {
  const auto number = static_cast<double>(value);
  if (number < field.min) return wrong(fmt::format("must be at least {}", field.min));
  if (number > field.max) return wrong(fmt::format("must be at most {}", field.max));
  return std::nullopt;
}

template <class T>
Check read(Value value, T& out, const Field& field);

inline Check read_string(Value value, std::string& out, const Field& field) {
  if (!value.is(Kind::String)) return wrong("must be a string");
  const std::string_view text = value.string();
  if (text.size() < field.bytes_min) {
    return wrong(field.bytes_min == 1
                     ? std::string("must not be empty")
                     : fmt::format("must have at least {} bytes", field.bytes_min));
  }
  if (text.size() > field.bytes_max) {
    return wrong(fmt::format("has {} bytes, at most {} are allowed", text.size(), field.bytes_max));
  }
  out = text;
  return std::nullopt;
}

template <NamedEnum E>
Check read_enum(Value value, E& out) {
  for (const auto& [candidate, text] : enum_names(E{})) {
    if (value.is(Kind::String) && value.string() == text) {
      out = candidate;
      return std::nullopt;
    }
  }
  std::string all;
  for (const auto& [candidate, text] : enum_names(E{})) {
    all += fmt::format("{}{}", all.empty() ? "" : ", ", text);
  }
  return wrong(fmt::format("must be one of {}", all));
}

template <class T>
Check read_items(Value value, std::vector<T>& out, const Field& field) {
  if (!value.is(Kind::Array)) return wrong("must be an array");
  if (value.size() > field.items_max) {
    return wrong(
        fmt::format("has {} items, at most {} are allowed", value.size(), field.items_max));
  }
  out.clear();
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    T item{};
    if (auto problem = read(value.at(i), item, field)) {
      return std::move(*problem).under(fmt::format("[{}]", i));
    }
    out.push_back(std::move(item));
  }
  return std::nullopt;
}

template <class T>
Check read_map(Value value, std::map<std::string, T>& out, const Field& field) {
  if (!value.is(Kind::Object)) return wrong("must be an object");
  if (value.size() > field.items_max) {
    return wrong(
        fmt::format("has {} members, at most {} are allowed", value.size(), field.items_max));
  }
  out.clear();
  Check problem;
  value.each_member([&](std::string_view key, Value member) {
    if (problem) return;
    T item{};
    problem = read(member, item, field);
    if (problem) {
      problem = std::move(*problem).under(utf8_prefix(key, 64));
    } else {
      out.emplace(key, std::move(item));
    }
  });
  return problem;
}

template <HasFields T>
Check read_struct(Value value, T& out) {
  if (!value.is(Kind::Object)) return wrong("must be an object");
  Check problem;
  T::fields(out, [&]<class M>(std::string_view name, M& member, const Field& field = {}) {
    if (problem) return;
    const auto found = value.find(name);
    const bool absent = !found || found->is(Kind::Null);
    if (absent && std::is_same_v<M, Text> && found) return;  // null is a value of any JSON
    if (absent) {
      if (!IsOptional<M>::value && !field.defaulted)
        problem = Problem{std::string(name), "is required"};
      return;
    }
    problem = read(*found, member, field);
    if (problem) problem = std::move(*problem).under(name);
  });
  return problem;
}

template <class T>
Check read(Value value, T& out, const Field& field) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is(Kind::Boolean)) return wrong("must be true or false");
    out = value.boolean();
    return std::nullopt;
  } else if constexpr (std::is_integral_v<T>) {
    if (!value.is(Kind::Integer)) return wrong("must be an integer");
    const std::int64_t number = value.integer();
    if (!std::in_range<T>(number)) return wrong("is out of range");
    out = static_cast<T>(number);
    return in_range(number, field);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is(Kind::Integer) && !value.is(Kind::Real)) return wrong("must be a number");
    out = static_cast<T>(value.number());
    return in_range(out, field);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return read_string(value, out, field);
  } else if constexpr (std::is_same_v<T, Text>) {
    out.text = value.dump();
    if (out.text.size() > field.bytes_max) {
      return wrong(fmt::format("is larger than {} bytes", field.bytes_max));
    }
    return std::nullopt;
  } else if constexpr (NamedEnum<T>) {
    return read_enum(value, out);
  } else if constexpr (IsVector<T>::value) {
    return read_items(value, out, field);
  } else if constexpr (IsMap<T>::value) {
    return read_map(value, out, field);
  } else if constexpr (IsOptional<T>::value) {
    if (value.is(Kind::Null)) return std::nullopt;
    return read(value, out.emplace(), field);
  } else {
    return read_struct(value, out);
  }
}

template <class T>
void write(Writer& writer, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    writer.boolean(value);
  } else if constexpr (std::is_integral_v<T>) {
    writer.integer(static_cast<std::int64_t>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    writer.real(static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    writer.string(value);
  } else if constexpr (std::is_same_v<T, Text>) {
    writer.raw(value.text);
  } else if constexpr (NamedEnum<T>) {
    writer.string(enum_name(value));
  } else if constexpr (IsVector<T>::value) {
    writer.begin_array();
    for (const auto& item : value) write(writer, item);
    writer.end_array();
  } else if constexpr (IsMap<T>::value) {
    writer.begin_object();
    for (const auto& [key, item] : value) {
      writer.key(key);
      write(writer, item);
    }
    writer.end_object();
  } else if constexpr (IsOptional<T>::value) {
    if (value) {
      write(writer, *value);
    } else {
      writer.null();
    }
  } else {
    writer.begin_object();
    T::fields(value, [&]<class M>(std::string_view name, const M& member, const Field& = {}) {
      if constexpr (IsOptional<M>::value) {
        if (!member) return;
      }
      writer.key(name);
      write(writer, member);
    });
    writer.end_object();
  }
}

template <class T>
void write_schema(Writer& writer, const Field& field);

template <HasFields T>
void write_struct_schema(Writer& writer) {
  writer.key("type");
  writer.string("object");
  std::vector<std::string> required;
  writer.key("properties");
  writer.begin_object();
  T prototype{};
  T::fields(prototype, [&]<class M>(std::string_view name, M&, const Field& field = {}) {
    if (!IsOptional<M>::value && !field.defaulted) required.emplace_back(name);
    writer.key(name);
    writer.begin_object();
    if (!field.help.empty()) {
      writer.key("description");
      writer.string(field.help);
    }
    write_schema<M>(writer, field);
    writer.end_object();
  });
  writer.end_object();
  writer.key("required");
  write(writer, required);
}

inline void write_bounds(Writer& writer, const Field& field) {
  if (field.min > -std::numeric_limits<double>::infinity()) {
    writer.key("minimum");
    writer.real(field.min);
  }
  if (field.max < std::numeric_limits<double>::infinity()) {
    writer.key("maximum");
    writer.real(field.max);
  }
}

// The members of the schema of T (JSON Schema 2020-12), into an object that is open. Limits in
// bytes are stated as maxLength: a string of n bytes has at most n characters.
template <class T>
void write_schema(Writer& writer, const Field& field) {
  const auto type = [&](std::string_view name) {
    writer.key("type");
    writer.string(name);
  };
  const auto nested = [&]<class I>(std::string_view key) {
    writer.key(key);
    writer.begin_object();
    write_schema<I>(writer, field);
    writer.end_object();
  };
  if constexpr (std::is_same_v<T, bool>) {
    type("boolean");
  } else if constexpr (std::is_integral_v<T>) {
    type("integer");
    write_bounds(writer, field);
  } else if constexpr (std::is_floating_point_v<T>) {
    type("number");
    write_bounds(writer, field);
  } else if constexpr (std::is_same_v<T, std::string>) {
    type("string");
    if (field.bytes_min > 0) {
      writer.key("minLength");
      writer.integer(1);
    }
    writer.key("maxLength");
    writer.integer(static_cast<std::int64_t>(field.bytes_max));
  } else if constexpr (std::is_same_v<T, Text>) {
    // any JSON
  } else if constexpr (NamedEnum<T>) {
    writer.key("enum");
    writer.begin_array();
    for (const auto& [value, text] : enum_names(T{})) writer.string(text);
    writer.end_array();
  } else if constexpr (IsVector<T>::value) {
    type("array");
    writer.key("maxItems");
    writer.integer(static_cast<std::int64_t>(field.items_max));
    nested.template operator()<typename T::value_type>("items");
  } else if constexpr (IsMap<T>::value) {
    type("object");
    writer.key("maxProperties");
    writer.integer(static_cast<std::int64_t>(field.items_max));
    nested.template operator()<typename T::mapped_type>("additionalProperties");
  } else if constexpr (IsOptional<T>::value) {
    write_schema<typename T::value_type>(writer, field);
  } else {
    write_struct_schema<T>(writer);
  }
}

}  // namespace detail

template <HasFields T>
std::string encode(const T& message) {
  Writer writer;
  detail::write(writer, message);
  return writer.take();
}

// InvalidArgument names the member: "message: has 5000 bytes, at most 4000 are allowed".
template <HasFields T>
Result<T> decode(Value value) {
  T message{};
  if (auto problem = detail::read_struct(value, message)) {
    return Error{Code::InvalidArgument, problem->path.empty()
                                            ? std::move(problem->text)
                                            : fmt::format("{}: {}", problem->path, problem->text)};
  }
  return message;
}

template <HasFields T>
Result<T> decode(std::string_view text) {
  const Document document = TRY(Document::parse(text));
  return decode<T>(document.root());
}

// Reads one member from text, as configuration and URLs have it: a string is taken as it is, all
// else must be JSON.
template <class M>
detail::Check read_text(std::string_view text, M& member, const Field& field) {
  using Bare = typename detail::WithoutOptional<M>::type;
  constexpr bool kPlain = std::is_same_v<Bare, std::string> || NamedEnum<Bare>;
  const auto document = Document::parse(kPlain ? quoted(text) : std::string(text));
  if (!document) return detail::wrong(fmt::format("cannot read '{}'", utf8_prefix(text, 100)));
  return detail::read(document.value().root(), member, field);
}

// A message from named texts (path parameters and query of a URL). Names that are no members are
// ignored, as in decode().
template <HasFields T>
Result<T> decode_texts(const std::map<std::string, std::string>& texts) {
  T message{};
  detail::Check problem;
  T::fields(message, [&]<class M>(std::string_view name, M& member, const Field& field = {}) {
    if (problem) return;
    const auto found = texts.find(std::string(name));
    if (found != texts.end()) {
      problem = read_text(found->second, member, field);
      if (problem) problem = std::move(*problem).under(name);
    } else if (!detail::IsOptional<M>::value && !field.defaulted) {
      problem = detail::Problem{std::string(name), "is required"};
    }
  });
  if (problem)
    return Error{Code::InvalidArgument, fmt::format("{}: {}", problem->path, problem->text)};
  return message;
}

// The JSON Schema (2020-12) of a message, titled with its kName.
template <HasFields T>
std::string schema() {
  Writer writer;
  writer.begin_object();
  writer.key("$schema");
  writer.string("https://json-schema.org/draft/2020-12/schema");
  writer.key("title");
  writer.string(T::kName);
  detail::write_struct_schema<T>(writer);
  writer.end_object();
  return writer.take();
}

}  // namespace json
