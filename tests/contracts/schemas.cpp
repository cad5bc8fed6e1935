// Writes the JSON Schema of every message to DIRECTORY/<name>.schema.json, keeping the examples
// that people have written there. With --check nothing is written: it fails when a file differs, is
// missing or belongs to no message, when an example is not such a message, and when a struct of the
// headers is not listed in contracts/all.h.

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/all.h"
#include "json/codec.h"

namespace {

namespace fs = std::filesystem;
using Ordered = nlohmann::ordered_json;

constexpr std::string_view kSuffix = ".schema.json";

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

// An example must decode, and have no member that the message does not know: that would be a typo.
template <class Message>
void check_example(Run& run, const fs::path& path, const Ordered& example, const Ordered& schema) {
  const auto message = json::decode<Message>(std::string_view(example.dump()));
  if (!message) {
    run.problem(
        fmt::format("{}: an example is not valid: {}", path.string(), message.error().message));
    return;
  }
  for (const auto& [member, value] : example.items()) {
    if (schema["properties"].contains(member)) continue;
    run.problem(fmt::format("{}: an example has the unknown member '{}'", path.string(), member));
  }
}

template <class Message>
void visit_message(Run& run) {
  const std::string name(Message::kName);
  if (!run.names.insert(name).second) run.problem(fmt::format("two messages are named {}", name));
  const fs::path path = run.directory / (name + std::string(kSuffix));
  Ordered schema = Ordered::parse(json::schema<Message>());
  const auto before = contents(path);
  if (before) {
    const Ordered old = Ordered::parse(*before, nullptr, false);
    if (old.is_object() && old.contains("examples")) {
      for (const Ordered& example : old["examples"]) {
        check_example<Message>(run, path, example, schema);
      }
      schema["examples"] = old["examples"];
    }
  }
  const std::string text = schema.dump(2) + "\n";
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
  const std::regex declaration("kName = \"([a-z0-9_]+)\"");
  for (const auto& entry : fs::directory_iterator(run.headers)) {
    const std::string text = contents(entry.path()).value_or("");
    for (std::sregex_iterator at(text.begin(), text.end(), declaration), end; at != end; ++at) {
      if (run.names.contains((*at)[1].str())) continue;
      run.problem(fmt::format("{}: {} is not listed in contracts/all.h", entry.path().string(),
                              (*at)[1].str()));
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
