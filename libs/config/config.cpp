#include "config/config.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>
#include <utility>

namespace config {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;

std::string underscored(std::string_view flag) {
  std::string name(flag);
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

// Levenshtein's distance, 1965.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string closest(std::string_view wrong, const std::vector<std::string>& names) {
  const auto best =
      std::min_element(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        return distance(wrong, a) < distance(wrong, b);
      });
  return best == names.end() ? "" : fmt::format(", the closest is '{}'", *best);
}

std::vector<std::string> detail::words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

std::optional<Error> detail::foreign_variable(const Inputs& inputs,
                                              const std::vector<std::string>& names,
                                              const std::vector<std::string>& aliases) {
  std::vector<std::string> known = aliases;
  for (const auto& name : names) known.push_back(variable_name(inputs.section, name));
  const std::string prefix = variable_name(inputs.section, "");
  const auto first = inputs.environment.lower_bound(prefix);
  for (auto it = first; it != inputs.environment.end() && it->first.starts_with(prefix); ++it) {
    if (contains(known, it->first)) continue;
    const auto shown = utf8_prefix(it->first, 100);
    return Error{Code::InvalidArgument,
                 fmt::format("unknown variable {}{}", shown, closest(shown, known))};
  }
  return std::nullopt;
}

std::string variable_name(std::string_view section, std::string_view name) {
  std::string variable = fmt::format("TROUPE_{}_{}", section, name);
  for (char& c : variable) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '-') c = '_';
  }
  return variable;
}

Result<Inputs> read_inputs(std::string_view section, int argc, const char* const* argv,
                           const char* const* environment) {
  Inputs inputs;
  inputs.section = std::string(section);
  for (const char* const* entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    inputs.environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  if (const auto file = inputs.environment.find("TROUPE_CONFIG");
      file != inputs.environment.end()) {
    inputs.file = file->second;
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--")) {
      return Error{Code::InvalidArgument, fmt::format("unexpected argument '{}'", argument)};
    }
    const std::size_t equals = argument.find('=');
    const std::string name = underscored(
        argument.substr(2, equals == std::string_view::npos ? std::string_view::npos : equals - 2));
    if (name == "help") {
      inputs.help = true;
      continue;
    }
    if (name == "print_config") {
      inputs.print = true;
      continue;
    }
    std::string value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return Error{Code::InvalidArgument, fmt::format("{} needs a value", argument)};
    }
    if (name == "config") {
      inputs.file = std::move(value);
    } else {
      inputs.flags.emplace_back(name, std::move(value));
    }
  }
  return inputs;
}

Result<std::optional<json::Document>> read_file(const std::string& path) {
  if (path.empty()) return std::optional<json::Document>{};
  std::ifstream file(path);
  if (!file) {
    return Error{Code::InvalidArgument,
                 fmt::format("config {}: cannot be read: {}", path, std::strerror(errno))};
  }
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) {
    return Error{Code::InvalidArgument,
                 fmt::format("config {}: larger than {} bytes", path, kFileBytesMax)};
  }
  auto document = json::Document::parse(text, {.comments = true});
  if (!document) {
    return Error{Code::InvalidArgument,
                 fmt::format("config {}: {}", path, document.error().message)};
  }
  if (!document.value().root().is(json::Kind::Object)) {
    return Error{Code::InvalidArgument, fmt::format("config {}: must be a JSON object", path)};
  }
  return std::optional<json::Document>(std::move(document).value());
}

}  // namespace config
