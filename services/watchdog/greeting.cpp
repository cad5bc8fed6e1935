#include "watchdog/greeting.h"

#include <fmt/format.h>

namespace watchdog {

std::string greeting(const std::vector<std::string>& names,
                     const std::vector<messaging::Instance>& instances,
                     const std::string& chat_command, const std::string& log_folder) {
  std::string text = "\nTroupe is ready.\n\n";
  std::string router;
  std::string hub;
  for (const auto& name : names) {
    for (const auto& instance : instances) {
      if (instance.service != name || instance.http.empty()) continue;
      text += fmt::format("  {:<12} http://{}\n", name, instance.http);
      if (name == "router") router = instance.http;
      if (name == "hub") hub = instance.http;
    }
  }
  if (!hub.empty()) text += fmt::format("\nTalk with the cast in a browser: http://{}/\n", hub);
  if (!router.empty()) {
    text += fmt::format(
        "\nSay something to the cast:\n\n"
        "  curl -s http://{}/orchestrate -H 'Content-Type: application/json' \\\n"
        "    -d '{{\"channel\":\"living-room\",\"author\":\"you\","
        "\"message\":\"Hi Peter, how was your day?\"}}'\n\n"
        "or in another terminal:\n\n"
        "  {}\n",
        router, chat_command);
  }
  return text + fmt::format("\nLogs: {}. Ctrl-C or scripts/down stops everything.\n\n", log_folder);
}

}  // namespace watchdog
