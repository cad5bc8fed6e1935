#include "bot/session.h"

#include <fmt/format.h>

#include <utility>

#include "bot/search.h"
#include "discord/protocol.h"
#include "discord/types.h"
#include "json/codec.h"
#include "telemetry/log.h"

namespace bot {
namespace {

constexpr std::uint32_t kIntents =
    discord::intent::kGuilds | discord::intent::kGuildMessages |
    discord::intent::kGuildMessageReactions | discord::intent::kDirectMessages |
    discord::intent::kDirectMessageReactions | discord::intent::kMessageContent;
constexpr int kPagesMax = 20;

discord::Failure not_logged_in() {
  return {Error{Code::Unavailable, "the bot is not logged in to Discord"}};
}

void log_failure(std::string_view what, const discord::Failure& failure) {
  telemetry::warn("Discord refuses", {{"what", what},
                                      {"status", failure.status},
                                      {"code", failure.code},
                                      {"why", failure.error.message}});
}

discord::Rest::Done logged(std::string what) {
  return [what = std::move(what)](const discord::Rest::Outcome& outcome) {
    if (!outcome) log_failure(what, outcome.failure);
  };
}

}  // namespace

Session::Session(net::Loop& loop, Home home, Dispatch dispatch, std::function<void()> stopped)
    : loop_(loop),
      home_(std::move(home)),
      dispatch_(std::move(dispatch)),
      stopped_(std::move(stopped)) {}

void Session::log_in(const Account& account) {
  discord::Rest::Options rest;
  rest.base_url = account.api;
  rest.token = account.token;
  rest_ = std::make_unique<discord::Rest>(loop_, std::move(rest));
  discord::Gateway::Options gateway;
  gateway.token = account.token;
  gateway.intents = kIntents;
  gateway_ = std::make_unique<discord::Gateway>(
      loop_, *rest_, std::move(gateway),
      discord::Gateway::Events{
          [this](std::string_view name, json::Value data) { dispatched(name, data); },
          [this](discord::Gateway::State state, const std::string& why) { changed(state, why); }});
  gateway_->start();
}

void Session::log_out() {
  gateway_.reset();
  rest_.reset();
}

void Session::dispatched(std::string_view name, json::Value data) {
  if (name == "READY") {
    if (const auto user = data.find("user")) own_id_ = std::string(user->text_or("id", ""));
  }
  dispatch_(name, data);
}

void Session::changed(discord::Gateway::State state, const std::string& why) {
  const bool stops = state == discord::Gateway::State::Stopped;
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
    why_ = stops ? why : "";
  }
  if (stops) {
    telemetry::error("the bot has stopped, and a person must mend it", {{"why", why}});
    stopped_();
  } else {
    telemetry::info("discord", {{"state", discord::name(state)}, {"why", why}});
  }
}

discord::Gateway::State Session::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::string Session::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

// Answers come by way of `home`: what is still on its way when the bot ends finds nobody.
discord::Rest::Done Session::message_of(std::function<void(Posted)> done) const {
  return [home = home_, done = std::move(done)](const discord::Rest::Outcome& outcome) {
    Posted posted;
    if (outcome) {
      const auto document = json::Document::parse(outcome.reply->body);
      if (document) posted.message_id = std::string(document.value().root().text_or("id", ""));
    } else {
      posted.failure = outcome.failure;
    }
    home([done, posted] { done(posted); });
  };
}

void Session::post(const std::string& channel, discord::NewMessage message,
                   std::function<void(Posted)> done) {
  if (!rest_) return home_([done] { done({"", not_logged_in()}); });
  rest_->create_message(channel, message, message_of(std::move(done)));
}

void Session::edit(const std::string& channel, const std::string& message, const std::string& text,
                   std::function<void(Posted)> done) {
  if (!rest_) return home_([done] { done({"", not_logged_in()}); });
  if (!text.empty())
    return rest_->edit_message(channel, message, text, message_of(std::move(done)));
  rest_->send({http::Method::Delete, fmt::format("/channels/{}/messages/{}", channel, message)},
              message_of(std::move(done)));
}

void Session::find_own(const std::string& channel, const std::string& after,
                       const std::string& text, std::function<void(Result<std::string>)> done) {
  search(std::make_shared<Search>(Search{channel, after, text, 0, std::move(done)}));
}

void Session::search(const std::shared_ptr<Search>& search) {
  if (!rest_) {
    return home_([search] { search->done(not_logged_in().error); });
  }
  ++search->pages;
  rest_->send({http::Method::Get, fmt::format("/channels/{}/messages?after={}&limit={}",
                                              search->channel, search->after, kSearchPage)},
              [this, home = home_, search](const discord::Rest::Outcome& outcome) {
                home([this, search, outcome] { searched(search, outcome); });
              });
}

void Session::searched(const std::shared_ptr<Search>& search,
                       const discord::Rest::Outcome& outcome) {
  if (!outcome) return search->done(outcome.failure.error);
  auto page = search_page(outcome.reply->body, own_id_, search->text, search->after);
  if (!page) return search->done(page.error());
  if (!page.value().found.empty() || page.value().last) return search->done(page.value().found);
  search->after = std::move(page.value().after);
  if (search->pages >= kPagesMax) {
    return search->done(Error{Code::NotFound, "too many messages have been written since"});
  }
  this->search(search);
}

void Session::recent(const std::string& channel,
                     std::function<void(Result<std::vector<discord::Message>>)> done) {
  if (!rest_) return home_([done] { done(not_logged_in().error); });
  rest_->send(
      {http::Method::Get, fmt::format("/channels/{}/messages?limit={}", channel, kRecentMax)},
      [home = home_, done = std::move(done)](const discord::Rest::Outcome& outcome) {
        home([done, outcome] {
          if (!outcome) return done(outcome.failure.error);
          done(messages_of(outcome.reply->body));
        });
      });
}

void Session::typing(const std::string& channel) {
  if (rest_) rest_->trigger_typing(channel, [](const discord::Rest::Outcome&) {});
}

void Session::defer(const discord::Interaction& interaction, std::function<void(bool)> done) {
  if (!rest_) return home_([done] { done(false); });
  rest_->answer_interaction(
      interaction, discord::callback_type::kDeferredMessage, "", discord::message_flag::kEphemeral,
      [home = home_, done = std::move(done)](const discord::Rest::Outcome& outcome) {
        if (!outcome) log_failure("the first answer", outcome.failure);
        const bool stands = outcome || outcome.failure.unsure;
        home([done, stands] { done(stands); });
      });
}

void Session::answer(const discord::Interaction& interaction, const std::string& text) {
  if (rest_) rest_->edit_answer(interaction, text, logged("an answer"));
}

void Session::install(const std::string& application, const std::string& guild,
                      std::string commands) {
  if (!rest_) return;
  rest_->send(
      {http::Method::Put, fmt::format("/applications/{}/guilds/{}/commands", application, guild),
       std::move(commands)},
      logged("the commands"));
}

}  // namespace bot
