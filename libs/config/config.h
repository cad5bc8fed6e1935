#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/result.h"
#include "json/codec.h"

// A service's settings are one struct with fields(): defaults < config file < environment < flags.
// The file is JSON with comments, a section per service; the variable of port of quality is
// TROUPE_QUALITY_PORT, its flag --port. Unknown keys at any depth, unknown flags and variables of
// the service's own section, and unreadable values are errors that name where they stand; what is
// misspelled is answered with the closest name there is. Nothing else in Troupe reads the
// environment.
namespace config {

// What print() shows instead of a secret.
inline constexpr std::string_view kSet = "(set)";
inline constexpr std::string_view kNotSet = "(not set)";

// What a process was started with.
struct Inputs {
  std::string section;  // the service's name
  std::string file;     // path of --config, empty when there is none
  std::map<std::string, std::string> environment;
  std::vector<std::pair<std::string, std::string>> flags;  // without the dashes, '-' as '_'
  bool help = false;
  bool print = false;  // --print-config
};

// Reads "--name value", "--name=value", --help and --print-config; --config and TROUPE_CONFIG name
// the file.
Result<Inputs> read_inputs(std::string_view section, int argc, const char* const* argv,
                           const char* const* environment);

// The section's object in the file, parsed; nothing when there is no file or no section.
// InvalidArgument when the file cannot be read, is no JSON object, or is larger than 1 MiB.
Result<std::optional<json::Document>> read_file(const std::string& path);

// TROUPE_<SECTION>_<NAME>.
std::string variable_name(std::string_view section, std::string_view name);

// The one of `names` that a person most likely meant by `wrong` (by edit distance, the first of
// equals), as ", the closest is 'NAME'"; empty when there is no name at all.
std::string closest(std::string_view wrong, const std::vector<std::string>& names);

namespace detail {

template <HasFields T>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  T shape{};
  T::fields(shape,
            [&](std::string_view name, auto&, const Field& = {}) { names.emplace_back(name); });
  return names;
}

inline bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Where `value` has a member that a T does not, and what may have been meant. What is of another
// kind than a T is left to the codec, which says so.
template <class T>
json::detail::Check stranger(json::Value value);

template <HasFields T>
json::detail::Check stranger_in_struct(json::Value value) {
  const auto names = names_of<T>();
  json::detail::Check found;
  value.each_member([&](std::string_view key, json::Value) {
    if (found || contains(names, key)) return;
    const auto shown = utf8_prefix(key, 100);
    found = json::detail::wrong(fmt::format("unknown key '{}'{}", shown, closest(shown, names)));
  });
  T shape{};
  T::fields(shape, [&]<class M>(std::string_view name, M&, const Field& = {}) {
    const auto member = value.find(name);
    if (found || !member) return;
    found = stranger<M>(*member);
    if (found) found = std::move(*found).under(name);
  });
  return found;
}

template <class T>
json::detail::Check stranger(json::Value value) {
  json::detail::Check found;
  if constexpr (json::detail::IsOptional<T>::value) {
    return stranger<typename T::value_type>(value);
  } else if constexpr (json::detail::IsVector<T>::value) {
    for (std::size_t i = 0; i < value.size() && value.is(json::Kind::Array) && !found; ++i) {
      found = stranger<typename T::value_type>(value.at(i));
      if (found) found = std::move(*found).under(fmt::format("[{}]", i));
    }
  } else if constexpr (json::detail::IsMap<T>::value) {
    value.each_member([&](std::string_view key, json::Value member) {
      if (found) return;
      found = stranger<typename T::mapped_type>(member);
      if (found) found = std::move(*found).under(utf8_prefix(key, 64));
    });
  } else if constexpr (HasFields<T>) {
    if (value.is(json::Kind::Object)) return stranger_in_struct<T>(value);
  }
  return found;
}

// As json::read_text, but members that M does not have are refused, and a switch may be 1 or 0.
template <class M>
json::detail::Check read_text(std::string_view text, M& member, const Field& field) {
  if constexpr (std::is_same_v<M, bool>) {
    if (text == "1" || text == "0") text = text == "1" ? "true" : "false";
  }
  if (const auto document = json::Document::parse(text)) {
    if (auto problem = stranger<M>(document.value().root())) return problem;
  }
  return json::read_text(text, member, field);
}

// "weights.addressed: must be a number", or the text alone when it is the value itself.
inline std::string line_of(const json::detail::Problem& problem) {
  return problem.path.empty() ? problem.text : fmt::format("{}: {}", problem.path, problem.text);
}

// The words of Field::variable.
std::vector<std::string> words_of(std::string_view text);

// The first variable TROUPE_<SECTION>_... that no setting has; variables of others are theirs.
std::optional<Error> foreign_variable(const Inputs& inputs, const std::vector<std::string>& names,
                                      const std::vector<std::string>& aliases);

}  // namespace detail

// The settings from all sources, or the first error in one line.
template <HasFields T>
Result<T> load(const Inputs& inputs) {
  T settings{};
  std::optional<Error> error;
  const auto fail = [&](std::string text) {
    if (!error) error = Error{Code::InvalidArgument, std::move(text)};
  };
  const auto names = detail::names_of<T>();

  const auto document = TRY(read_file(inputs.file));
  if (document) {
    if (const auto section = document->root().find(inputs.section)) {
      const auto place = fmt::format("config {}: {}", inputs.file, inputs.section);
      const auto fail_at = [&](const json::detail::Problem& problem) {
        fail(fmt::format("{}{}{}", place, problem.path.empty() ? "" : ".",
                         problem.path.empty() ? ": " + problem.text : detail::line_of(problem)));
      };
      if (!section->is(json::Kind::Object)) fail(place + ": must be an object");
      if (const auto problem = detail::stranger<T>(*section)) fail_at(*problem);
      T::fields(settings, [&](std::string_view name, auto& member, const Field& field = {}) {
        const auto value = section->find(name);
        if (error || !value) return;
        // What print() shows instead of a secret, in a file that was made of it.
        if (field.secret && value->string() == kNotSet) return;
        if (field.secret && value->string() == kSet) {
          return fail_at(
              {std::string(name), "'(set)' only stands for the secret, which is hidden"});
        }
        if (auto problem = json::detail::read(*value, member, field)) {
          fail_at(std::move(*problem).under(name));
        }
      });
    }
  }

  for (const auto& [flag, value] : inputs.flags) {
    if (!detail::contains(names, flag)) {
      fail(fmt::format("unknown flag --{}{}", flag, closest(flag, names)));
    }
  }
  std::vector<std::string> aliases;
  T::fields(settings, [&](std::string_view, auto&, const Field& field = {}) {
    for (auto& alias : detail::words_of(field.variable)) aliases.push_back(std::move(alias));
  });
  if (auto foreign = detail::foreign_variable(inputs, names, aliases)) fail(foreign->message);
  T::fields(settings, [&](std::string_view name, auto& member, const Field& field = {}) {
    const auto set = [&](const std::string& source, const std::string& text) {
      if (const auto problem = detail::read_text(text, member, field)) {
        fail(fmt::format("{}: {}", source, detail::line_of(*problem)));
      }
    };
    auto variables = detail::words_of(field.variable);
    variables.push_back(variable_name(inputs.section, name));
    for (const std::string& variable : variables) {
      const auto found = inputs.environment.find(variable);
      if (found != inputs.environment.end()) set(variable, found->second);
    }
    for (const auto& [flag, value] : inputs.flags) {
      if (flag == name) set(fmt::format("--{}", flag), value);
    }
  });
  if (error) return std::move(*error);
  return settings;
}

// The effective settings as a JSON object, secrets as "(set)".
template <HasFields T>
std::string print(const T& settings) {
  json::Writer writer;
  writer.begin_object();
  T::fields(settings,
            [&]<class M>(std::string_view name, const M& member, const Field& field = {}) {
              writer.key(name);
              if (field.secret) {
                writer.string(member == M{} ? kNotSet : kSet);
              } else {
                json::detail::write(writer, member);
              }
            });
  writer.end_object();
  return writer.take();
}

// One line a setting: name, variable, help, default.
template <HasFields T>
std::string help(std::string_view section) {
  std::string text;
  const T defaults{};
  T::fields(defaults,
            [&]<class M>(std::string_view name, const M& member, const Field& field = {}) {
              json::Writer writer;
              json::detail::write(writer, member);
              text += fmt::format("  --{:<22} {:<40} {} [{}]\n", name, variable_name(section, name),
                                  field.help, field.secret ? "" : writer.text());
            });
  return text;
}

// `settings` with what a JSON object says of their members, at any depth; what it does not name
// stays as it is. InvalidArgument names the member that is unknown or wrong.
template <HasFields T>
Result<T> changed(T settings, std::string_view object) {
  const json::Document document = TRY(json::Document::parse(object));
  auto problem = detail::stranger<T>(document.root());
  if (!problem) problem = json::detail::read(document.root(), settings, Field{});
  if (problem) return Error{Code::InvalidArgument, detail::line_of(*problem)};
  return settings;
}

}  // namespace config
