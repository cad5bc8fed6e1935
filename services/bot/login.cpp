#include "bot/login.h"

#include <fmt/format.h>

#include <utility>

#include "contracts/hub.h"
#include "contracts/services.h"
#include "discord/rest.h"
#include "telemetry/log.h"

namespace bot {
namespace {

constexpr int kFirstBotPort = 6011;
constexpr int kLastBotPort = 6013;

void ask_hub(const Config& config, Peers& peers, Timers& timers,
             std::function<void(const Account&)> done, int tries) {
  peers.ask<contracts::Account>(
      "hub", "hub.account", contracts::AccountRequest{config.character}, Milliseconds(5'000),
      [config, &peers, &timers, done = std::move(done),
       tries](const Result<contracts::Account>& account) {
        if (account) {
          const auto& api = config.discord_api;
          return done({account.value().token, api.empty() ? account.value().api : api});
        }
        if (tries == 10) {
          telemetry::warn("the hub gives no account; the bot goes on asking",
                          {{"why", account.error().message}});
        }
        const auto pause = tries < 20 ? Milliseconds(100) : pause_after(tries);
        timers.after(pause, [config, &peers, &timers, done, tries] {
          ask_hub(config, peers, timers, done, tries + 1);
        });
      });
}

}  // namespace

std::string token_variable(const std::string& character) {
  std::string name = "DISCORD_TOKEN_";
  for (const char c : character) {
    const bool lower = c >= 'a' && c <= 'z';
    name += lower ? static_cast<char>(c - 'a' + 'A') : c == '-' ? '_' : c;
  }
  return name;
}

Result<void> check_name(const std::string& character) {
  if (character.empty()) {
    return Error{Code::InvalidArgument, "character: is missing, as in --character peter"};
  }
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  for (const char c : character) {
    if (fits(c)) continue;
    return Error{Code::InvalidArgument, "character: only a-z, 0-9, - and _ may be in its name"};
  }
  const int port = contracts::port_of(character);
  if (port != 0 && (port < kFirstBotPort || port > kLastBotPort)) {
    return Error{Code::InvalidArgument,
                 fmt::format("character: '{}' is the name of a service", character)};
  }
  return {};
}

void find_account(const Config& config, Peers& peers, Timers& timers,
                  std::function<void(const Account&)> done) {
  if (config.token.empty()) return ask_hub(config, peers, timers, std::move(done), 1);
  const std::string& api = config.discord_api;
  done({config.token, api.empty() ? discord::Rest::Options().base_url : api});
}

}  // namespace bot
