// Writes the JSON Schema of every message to DIRECTORY/<name>.schema.json, keeping the examples
// that people have written there. With --check nothing is written: it fails when a file differs, is
// missing or belongs to no message, when an example is not such a message, and when a struct of the
// headers is not listed in contracts/all.h.

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/all.h"
#include "json/codec.h"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".schema.json";
constexpr std::string_view kExamples = ",\n  \"examples\": ";

struct Run {
  fs::path directory;
  fs::path headers;
  bool check = false;
  std::set<std::string> names{};
  std::vector<std::string> problems{};

  void problem(std::string text) { problems.push_back(std::move(text)); }
};

std::optional<std::string> contents(const fs::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// The same JSON with a line for each item and two spaces for each level. `compact` has no blanks.
std::string indented(std::string_view compact) {
  std::string text;
  std::size_t depth = 0;
  bool quoted = false;
  const auto new_line = [&] { text += '\n' + std::string(2 * depth, ' '); };
  for (std::size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    const bool opens = !quoted && (c == '{' || c == '[');
    const bool closes = !quoted && (c == '}' || c == ']');
    const bool empty = closes && (compact[i - 1] == '{' || compact[i - 1] == '[');
    if (closes) --depth;
    if (closes && !empty) new_line();
    text += c;
    if (opens) ++depth;
    const bool before_close = opens && (compact[i + 1] == '}' || compact[i + 1] == ']');
    if ((opens && !before_close) || (!quoted && c == ',')) new_line();
    if (!quoted && c == ':') text += ' ';
    if (quoted && c == '\\') text += compact[++i];
    if (c == '"') quoted = !quoted;
  }
  return text;
}

// The hand-written end of a schema file, kept as it stands: from the comma before "examples".
std::string examples_of(const std::string& file) {
  const auto at = file.find(kExamples);
  return at == std::string::npos ? std::string("\n}\n") : file.substr(at);
}

// An example must decode, and have no member that the message does not know: that would be a typo.
template <class Message>
void check_examples(Run& run, const fs::path& path, const std::string& text) {
  const auto schema = json::Document::parse(text);
  if (!schema) return run.problem(fmt::format("{}: {}", path.string(), schema.error().message));
  const auto examples = schema.value().root().find("examples");
  if (!examples) return;
  const json::Value properties = *schema.value().root().find("properties");
  for (std::size_t i = 0; i < examples->size(); ++i) {
    const auto message = json::decode<Message>(examples->at(i));
    if (!message) {
      run.problem(fmt::format("{}: example {}: {}", path.string(), i, message.error().message));
    }
    examples->at(i).each_member([&](std::string_view member, json::Value) {
      if (properties.find(member)) return;
      run.problem(fmt::format("{}: example {}: there is no member {}", path.string(), i, member));
    });
  }
}

template <class Message>
void visit_message(Run& run) {
  const std::string name(Message::kName);
  if (!run.names.insert(name).second) run.problem(fmt::format("two messages are named {}", name));
  const fs::path path = run.directory / (name + std::string(kSuffix));
  std::string text = indented(json::schema<Message>());
  text.resize(text.size() - 2);  // without the last brace, which follows the examples
  const auto before = contents(path);
  text += examples_of(before.value_or(""));
  check_examples<Message>(run, path, text);
  if (before == text) return;
  if (run.check) {
    run.problem(
        fmt::format("{}: {}", path.string(), before ? "differs from its struct" : "is missing"));
  } else {
    std::ofstream(path) << text;
  }
}

void find_orphans(Run& run) {
  for (const auto& entry : fs::directory_iterator(run.directory)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(kSuffix)) continue;
    if (!run.names.contains(file.substr(0, file.size() - kSuffix.size()))) {
      run.problem(fmt::format("{}: there is no such message", entry.path().string()));
    }
  }
}

void find_unlisted(Run& run) {
  constexpr std::string_view kDeclaration = "kName = \"";
  for (const auto& entry : fs::directory_iterator(run.headers)) {
    const std::string text = contents(entry.path()).value_or("");
    for (auto at = text.find(kDeclaration); at != std::string::npos;
         at = text.find(kDeclaration, at)) {
      at += kDeclaration.size();
      const std::string name = text.substr(at, text.find('"', at) - at);
      if (run.names.contains(name)) continue;
      run.problem(
          fmt::format("{}: {} is not listed in contracts/all.h", entry.path().string(), name));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool check = !arguments.empty() && arguments.front() == "--check";
  if (check) arguments.erase(arguments.begin());
  if (arguments.size() != 2) {
    fmt::print(stderr, "usage: troupe-schemas [--check] SCHEMA_DIRECTORY HEADER_DIRECTORY\n");
    return 2;
  }
  Run run{.directory = arguments[0], .headers = arguments[1], .check = check};
  if (!check) fs::create_directories(run.directory);
  contracts::AllMessages::each(
      [&]<class Message>(std::type_identity<Message>) { visit_message<Message>(run); });
  find_orphans(run);
  find_unlisted(run);
  for (const std::string& problem : run.problems) fmt::print(stderr, "{}\n", problem);
  if (!run.problems.empty() && check) {
    fmt::print(stderr, "run troupe-schemas {} {} to write the schemas anew\n", arguments[0],
               arguments[1]);
  }
  return run.problems.empty() ? 0 : 1;
}
