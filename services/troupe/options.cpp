#include "troupe/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/limits.h"
#include "base/utf8.h"
#include "messaging/discovery.h"

namespace troupe {
namespace {

constexpr int kFollowMsMax = 600'000;
constexpr std::size_t kManyWords = 1000;

struct Command {
  std::string_view name;
  std::vector<std::string_view> flags;
  std::size_t words_max = 0;
};

const Command* find_command(std::string_view name) {
  static const std::vector<Command> commands = {
      {"up", {"detach", "config", "only", "data", "run"}},
      {"down", {"data", "run"}},
      {"status", {"data", "run"}},
      {"doctor", {"config", "channel", "json", "data", "run"}},
      {"chat", {"channel", "as", "follow-ms", "data", "run"}},
      {"ask", {"channel", "as", "data", "run"}, kManyWords},
      {"why", {"data", "run"}, 1},
      {"bot", {"data", "run"}, 2},
      {"help", {}, kManyWords}};
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const Command& command) { return command.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

Error wrong(std::string text) { return Error{Code::InvalidArgument, std::move(text)}; }

// Puts a flag's value where it belongs; `name` is one of the command's.
Result<void> set(Options& options, std::string_view name, std::string value) {
  if (value.empty()) return wrong(fmt::format("--{} needs a value", name));
  if (name == "data" || name == "run") options.where += fmt::format(" --{} {}", name, value);
  if (name == "config") {
    options.config = std::move(value);
  } else if (name == "only") {
    options.only = std::move(value);
  } else if (name == "data") {
    options.data = std::move(value);
  } else if (name == "run") {
    options.run = std::move(value);
  } else if (name == "channel" || name == "as") {
    if (value.size() > limits::kIdBytes || !utf8_valid(value)) {
      return wrong(fmt::format("--{}: at most {} bytes of UTF-8", name, limits::kIdBytes));
    }
    (name == "as" ? options.author : options.channel) = std::move(value);
  } else {
    const char* const end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, options.follow_ms);
    if (read.ec != std::errc{} || read.ptr != end || options.follow_ms < 0 ||
        options.follow_ms > kFollowMsMax) {
      return wrong(fmt::format("--{}: a number from 0 to {}", name, kFollowMsMax));
    }
  }
  return {};
}

// A program in PROJECT/build/PRESET/bin works on PROJECT/data, from wherever it is called.
std::string default_data(const Environment& environment) {
  if (!environment.data.empty()) return environment.data;
  const auto project =
      std::filesystem::path(environment.program).parent_path().parent_path().parent_path();
  if (project.filename() != "build") return "data";
  return (project.parent_path() / "data").string();
}

void fill_in(Options& options, const Environment& environment) {
  if (options.data.empty()) options.data = default_data(environment);
  if (options.run.empty()) {
    options.run = messaging::default_run_dir(options.data, environment.xdg_runtime_dir);
  }
  options.keys = environment.keys;
  if (options.author.empty()) {
    const bool usable = !environment.user.empty() && utf8_valid(environment.user);
    options.author = usable ? utf8_prefix(environment.user, limits::kIdBytes) : "you";
  }
}

}  // namespace

Result<Options> parse(const std::vector<std::string>& arguments, const Environment& environment) {
  Options options;
  options.command = arguments.empty() ? "help" : arguments.front();
  for (const auto& argument : arguments) {
    if (argument == "--help" || argument == "-h") options.command = "help";
  }
  if (options.command == "help") return options;
  const Command* const command = find_command(options.command);
  if (command == nullptr) {
    return wrong(fmt::format("no command '{}'; `troupe help` lists them", options.command));
  }
  bool flags_over = false;  // after "--" all are words
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (flags_over || argument.size() < 2 || argument[0] != '-') {
      options.words.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      flags_over = true;
      continue;
    }
    const auto equals = argument.find('=');
    const auto flag = argument.substr(0, equals);
    const auto name = flag.substr(std::min<std::size_t>(2, flag.size()));
    if (!flag.starts_with("--") ||
        std::find(command->flags.begin(), command->flags.end(), name) == command->flags.end()) {
      return wrong(fmt::format("{} has no flag {}", command->name, flag));
    }
    if (name == "detach" || name == "json") {
      if (equals != std::string_view::npos) return wrong(fmt::format("{} takes no value", flag));
      (name == "json" ? options.json : options.detach) = true;
      continue;
    }
    std::string value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    TRY(set(options, name, std::move(value)));
  }
  if (options.words.size() > command->words_max) {
    return wrong(fmt::format("{} does not take '{}'", command->name, options.words.back()));
  }
  fill_in(options, environment);
  return options;
}

std::string_view help() {
  return R"(troupe: AI characters on your own machine

  troupe up [--detach] [--config FILE] [--only a,b,c]   start the stack; Ctrl-C stops it
  troupe down                                           stop it from elsewhere
  troupe status                                         what runs, and how it is
  troupe doctor [--json] [--config FILE]                what is missing, and how to mend it
  troupe chat [--channel NAME] [--as NAME]              talk with the cast
       [--follow-ms N]                                  of a script: listen on after its last line
  troupe ask [--channel NAME] [--as NAME] QUESTION      one question, one answer
  troupe why [TURN_ID]                                  why that was said, or the latest turn
  troupe bot add NAME                                   an account at the hub for a bot of yours
  troupe help

All take --data DIR, where the stack keeps its data (default: $TROUPE_DATA, else data/ of the
project), and --run DIR, where it keeps its sockets (default: derived from the data directory).
)";
}

}  // namespace troupe
