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
// TROUPE_QUALITY_PORT, its flag --port. Unknown keys and unreadable values are errors that name
// where they stand. Nothing else in Troupe reads the environment.
namespace config {

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

// The settings from all sources, or the first error in one line.
template <HasFields T>
Result<T> load(const Inputs& inputs) {
  T settings{};
  std::optional<Error> error;
  const auto fail = [&](std::string text) {
    if (!error) error = Error{Code::InvalidArgument, std::move(text)};
  };
  std::vector<std::string> names;
  T::fields(settings,
            [&](std::string_view name, auto&, const Field& = {}) { names.emplace_back(name); });
  const auto known = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };

  const auto document = TRY(read_file(inputs.file));
  if (document) {
    if (const auto section = document->root().find(inputs.section)) {
      if (!section->is(json::Kind::Object)) {
        fail(fmt::format("config {}: {}: must be an object", inputs.file, inputs.section));
      }
      section->each_member([&](std::string_view key, json::Value) {
        if (!known(key)) {
          fail(fmt::format("config {}: {}: unknown key '{}'", inputs.file, inputs.section, key));
        }
      });
      T::fields(settings, [&](std::string_view name, auto& member, const Field& field = {}) {
        const auto value = section->find(name);
        if (error || !value) return;
        if (auto problem = json::detail::read(*value, member, field)) {
          auto placed = std::move(*problem).under(name);
          fail(fmt::format("config {}: {}.{}: {}", inputs.file, inputs.section, placed.path,
                           placed.text));
        }
      });
    }
  }

  for (const auto& [flag, value] : inputs.flags) {
    if (!known(flag)) fail(fmt::format("unknown flag --{}", flag));
  }
  T::fields(settings, [&](std::string_view name, auto& member, const Field& field = {}) {
    const auto set = [&](const std::string& source, const std::string& text) {
      if (auto problem = json::read_text(text, member, field)) {
        fail(fmt::format("{}: {}", source, problem->text));
      }
    };
    for (const std::string& variable :
         {std::string(field.variable), variable_name(inputs.section, name)}) {
      const auto found = inputs.environment.find(variable);
      if (!variable.empty() && found != inputs.environment.end()) set(variable, found->second);
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
                writer.string(member == M{} ? "(not set)" : "(set)");
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

}  // namespace config
