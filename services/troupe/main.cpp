#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/line.h"
#include "troupe/bot.h"
#include "troupe/chat.h"
#include "troupe/doctor.h"
#include "troupe/options.h"
#include "troupe/stack.h"
#include "troupe/terminal.h"
#include "troupe/world.h"

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

troupe::Environment environment() {
  troupe::Environment found;
  found.data = variable("TROUPE_DATA");
  found.xdg_runtime_dir = variable("XDG_RUNTIME_DIR");
  found.user = variable("USER");
  found.keys = variable("TROUPE_KEYS");
  found.no_color = !variable("NO_COLOR").empty();
  std::error_code error;
  found.program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  return found;
}

Result<int> chat(const troupe::Options& options, troupe::Style style) {
  const auto node = TRY(troupe::connect(options));
  troupe::Terminal terminal;
  troupe::Chat(options, style, *node, terminal).run();
  return 0;
}

Result<int> obey(const troupe::Options& options, const troupe::Environment& environment) {
  const auto style = ::isatty(STDOUT_FILENO) == 1 && !environment.no_color ? troupe::Style::Color
                                                                           : troupe::Style::Plain;
  if (options.command == "up") return troupe::up(options, environment.program);
  if (options.command == "down") return troupe::down(options);
  if (options.command == "status") return troupe::status(options, troupe::real_world(), style);
  if (options.command == "doctor") {
    return troupe::doctor(options, environment.program, troupe::real_world(), style);
  }
  if (options.command == "chat") return chat(options, style);
  if (options.command == "ask") return troupe::ask(options, style, *TRY(troupe::connect(options)));
  if (options.command == "why") return troupe::why(options, style, *TRY(troupe::connect(options)));
  if (options.command == "bot") return troupe::bot(options, *TRY(troupe::connect(options)));
  fmt::print("{}", troupe::help());
  return 0;
}

// 2 for what cannot be done as it was asked, 1 for what failed.
int refused(const Error& error) {
  fmt::print(stderr, "troupe: {}\n", one_line(error.message));
  return error.code == Code::InvalidArgument || error.code == Code::Conflict ? 2 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto looked_up = environment();
  const auto options = troupe::parse({argv + 1, argv + argc}, looked_up);
  if (!options) return refused(options.error());
  const auto status = obey(options.value(), looked_up);
  return status ? status.value() : refused(status.error());
}
