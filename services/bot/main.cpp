#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "bot/bot.h"
#include "bot/home.h"
#include "bot/login.h"
#include "bot/routes.h"
#include "bot/session.h"
#include "net/net.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"

namespace {

using State = runtime::Process::State;

// The character names the process, so it is looked for before the settings are read.
std::string character_of(int argc, char** argv) {
  constexpr std::string_view kFlag = "--character";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == kFlag && i + 1 < argc) return argv[i + 1];
    if (word.starts_with("--character=")) return std::string(word.substr(kFlag.size() + 1));
  }
  const char* const value = std::getenv("TROUPE_BOT_CHARACTER");
  return value != nullptr ? value : "";
}

bot::Config with_token(bot::Config config) {
  const char* const value = std::getenv(bot::token_variable(config.character).c_str());
  if (config.token.empty() && value != nullptr) config.token = value;
  return config;
}

// GET /config tells whether there is a token, from wherever it came.
void show_config(runtime::Process& process, const bot::Config& config) {
  runtime::Combined<bot::Config> effective;
  effective.common = process.settings();
  effective.own = config;
  process.show_config([shown = config::print(effective)] { return shown; });
}

void show_state(runtime::Process& process, const bot::Session& session) {
  process.check("discord", [&session] {
    const auto state = session.state();
    return State{std::string(discord::name(state)), state == discord::Gateway::State::Ready};
  });
}

// The tasks of the loop's thread that refer to the bot end before it does.
struct Ending {
  bot::Homestead& homestead;
  bot::Session& session;
  std::unique_ptr<bot::Bot>& bot;
  ~Ending() {
    homestead.end([this] {
      session.log_out();
      bot.reset();
    });
  }
};

Result<void> serve(runtime::Process& process, const bot::Config& settings) {
  TRY(bot::check_name(settings.character));
  const bot::Config config = with_token(settings);
  const std::string folder = TRY(process.data_dir());
  net::Loop loop;
  bot::Homestead homestead(loop);
  const auto ledger = TRY(bot::Ledger::open(folder + "/ledger.db", homestead.home()));
  bot::NodePeers peers(process.node(), homestead.home());
  bot::Silences silences(process.metrics(), SystemClock::instance());
  std::unique_ptr<bot::Bot> troupe_bot;
  std::unique_ptr<bot::Session> session;
  session = std::make_unique<bot::Session>(
      loop, homestead.home(),
      [&](std::string_view name, json::Value data) { troupe_bot->dispatch(name, data); },
      [&] { process.check("discord_why", [&] {
              return State{session->why(), false};
            }); });
  troupe_bot = std::make_unique<bot::Bot>(
      config,
      bot::Bot::World{*ledger, *session, *session, peers, homestead, SystemClock::instance()},
      silences, process.metrics());
  const Ending ending{homestead, *session, troupe_bot};

  show_config(process, config);
  show_state(process, *session);
  process.client("router");
  if (config.token.empty()) process.client("hub", runtime::Process::Need::Optional);
  bot::install_routes(process.doors(), *troupe_bot, homestead.home(), silences);
  process.node().subscribe(
      "turn.typing", [&, home = homestead.home()](std::string_view, const std::string& body) {
        auto event = json::decode<contracts::TurnTyping>(std::string_view(body));
        if (event) home([&, event = std::move(event).value()] { troupe_bot->typing(event); });
      });
  process.node().subscribe(
      "bot.company", [&, home = homestead.home()](std::string_view, const std::string& body) {
        auto event = json::decode<contracts::BotCompany>(std::string_view(body));
        if (event) home([&, event = std::move(event).value()] { troupe_bot->met(event); });
      });
  homestead.home()([&] {
    bot::find_account(config, peers, homestead,
                      [&](const bot::Account& account) { session->log_in(account); });
  });
  return process.run([&loop](http::ServerOptions options, http::Handler handler) {
    return net::listen(loop, std::move(options), std::move(handler));
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string character = character_of(argc, argv);
  return runtime::main<bot::Config>(character.empty() ? "bot" : character, argc, argv, serve);
}
