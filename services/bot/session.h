#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "bot/ports.h"
#include "discord/gateway.h"
#include "discord/rest.h"
#include "net/net.h"

namespace bot {

// Where a bot has its account.
struct Account {
  std::string token;
  std::string api;  // base URL of the REST API
};

// Discord itself, by libs/discord. Of the loop's thread; state() and why() may be asked by any.
class Session final : public Channels, public Interactions {
 public:
  using Dispatch = std::function<void(std::string_view name, json::Value data)>;
  // `stopped` hears, on the loop's thread, that only a person can mend it, and why.
  Session(net::Loop& loop, Home home, Dispatch dispatch, std::function<void()> stopped);

  // Until then every request is Unavailable. Once.
  void log_in(const Account& account);
  // Ends the connections; the bot goes offline.
  void log_out();

  discord::Gateway::State state() const;
  std::string why() const;  // of being stopped, for an operator

  void post(const std::string& channel, discord::NewMessage message,
            std::function<void(Posted)> done) override;
  void edit(const std::string& channel, const std::string& message, const std::string& text,
            std::function<void(Posted)> done) override;
  void find_own(const std::string& channel, const std::string& after, const std::string& text,
                std::function<void(Result<std::string>)> done) override;
  void recent(const std::string& channel,
              std::function<void(Result<std::vector<discord::Message>>)> done) override;
  void typing(const std::string& channel) override;
  void defer(const discord::Interaction& interaction, std::function<void(bool)> done) override;
  void answer(const discord::Interaction& interaction, const std::string& text) override;
  void install(const std::string& application, const std::string& guild,
               std::string commands) override;

 private:
  struct Search {
    std::string channel;
    std::string after;
    std::string text;
    int pages = 0;
    std::function<void(Result<std::string>)> done;
  };
  discord::Rest::Done message_of(std::function<void(Posted)> done) const;
  void search(const std::shared_ptr<Search>& search);
  void searched(const std::shared_ptr<Search>& search, const discord::Rest::Outcome& outcome);
  void changed(discord::Gateway::State state, const std::string& why);
  void dispatched(std::string_view name, json::Value data);

  net::Loop& loop_;
  const Home home_;
  const Dispatch dispatch_;
  const std::function<void()> stopped_;
  std::unique_ptr<discord::Rest> rest_;
  std::unique_ptr<discord::Gateway> gateway_;
  std::string own_id_;

  mutable std::mutex mutex_;
  discord::Gateway::State state_ = discord::Gateway::State::Connecting;
  std::string why_;
};

}  // namespace bot
