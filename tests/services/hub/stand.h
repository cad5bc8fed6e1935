#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "hub/accounts.h"
#include "hub/routes.h"
#include "json/json.h"
#include "net/net.h"
#include "support/temp_dir.h"

namespace hub {

struct Answered {
  int status = 0;
  http::Headers headers;
  std::string body;

  json::Document json() const { return std::move(json::Document::parse(body)).value(); }
  std::int64_t code() const {
    return body.empty() ? 0 : static_cast<std::int64_t>(json().root().number_or("code", 0));
  }
  std::string text(std::string_view member) const {
    return body.empty() ? "" : std::string(json().root().text_or(member, ""));
  }
};

class PromisedReply final : public http::Reply {
 public:
  void respond(http::Response response) override { promise.set_value(std::move(response)); }
  void begin(int, http::Headers) override {}
  bool write(std::string) override { return false; }
  void end(Ending) override {}
  bool gone() const override { return false; }
  void on_gone(std::function<void()>) override {}
  std::promise<http::Response> promise;
};

// Keeps what was announced; of the loop's thread.
class Notes final : public Announcer {
 public:
  void announce(Event event) override { events.push_back(std::move(event)); }
  std::vector<Event> events;
};

// A hub without its sockets: a seeded world, an archive in a temporary directory, all routes.
class Stand {
 public:
  explicit Stand(Buckets::Options limits = {.messages = 1000,
                                            .others = 1000,
                                            .global_per_second = 1000},
                 Milliseconds respond_within = Milliseconds(60'000))
      : archive(std::move(Archive::open(folder.file("hub.db"))).value()),
        attachments(std::move(Attachments::open({folder.file("files"), "key", 1000})).value()),
        rest(world, Buckets(limits, clock)),
        poster(stage, *attachments, {.files_bytes_max = 600, .url = "http://hub"}),
        interactions(stage, poster, {.respond_within = respond_within}) {
    seed(world, {{"peter", "Peter"}, {"brian", "Brian"}}, "Ada", clock.wall_ms());
    const auto accounts = Accounts::open(world, folder.file("tokens.json")).value();
    person = accounts.token("person");
    peter = "Bot " + accounts.token("peter");
    brian = "Bot " + accounts.token("brian");
    archive->keep(world.take_changes(), [](const Outcome<Nothing>&) {});
    install_messages(rest, stage, poster);
    install_reactions(rest, stage);
    install_places(rest, stage, poster);
    install_webhooks(rest, stage, poster, interactions);
    install_commands(rest, stage, interactions);
    guild = text_of(world.all_guilds().begin()->first);
    for (const Channel* const one : world.channels_of(world.all_guilds().begin()->first)) {
      if (one->name == "general") general = text_of(one->id);
      if (one->name == "bar") bar = text_of(one->id);
    }
    messages = "/channels/" + general + "/messages";
  }
  ~Stand() {
    archive->flush();
    on_loop([] {});
  }

  void on_loop(const std::function<void()>& task) {
    std::promise<void> done;
    loop.post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  Answered ask(http::Method method, const std::string& path, const std::string& token,
               std::string body = {}, const std::string& type = "application/json") {
    http::Request request;
    request.method = method;
    http::set_target(request, "/api/v10" + path);
    if (!token.empty()) request.headers.set("Authorization", token);
    request.headers.set("Content-Type", type);
    request.body = std::move(body);
    request.peer = "127.0.0.1";
    const auto reply = std::make_shared<PromisedReply>();
    auto answer = reply->promise.get_future();
    loop.post([&] { rest.route(std::move(request), reply); });
    http::Response response = answer.get();
    return {response.status, response.headers, response.body};
  }
  Answered get(const std::string& path, const std::string& token) {
    return ask(http::Method::Get, path, token);
  }
  Answered post(const std::string& path, const std::string& token, std::string body) {
    return ask(http::Method::Post, path, token, std::move(body));
  }
  std::string say(const std::string& token, const std::string& content) {
    return post(messages, token, R"({"content":")" + content + "\"}").text("id");
  }
  std::string user(std::string_view account) { return text_of(world.user_of_account(account)->id); }
  // The announced events of that name.
  std::vector<Event> told(std::string_view name) {
    std::vector<Event> found;
    on_loop([&] {
      for (const Event& event : notes.events) {
        if (event.name == name) found.push_back(event);
      }
    });
    return found;
  }

  support::TempDir folder;
  const Clock& clock = SystemClock::instance();
  net::Loop loop;
  World world{clock, discord::intent::kAll};
  std::unique_ptr<Archive> archive;
  std::unique_ptr<Attachments> attachments;
  runtime::WorkerPool readers{1, 100};  // ends before what it reads
  Notes notes;
  Stage stage{loop, world, *archive, notes, readers, clock};
  Rest rest;
  Poster poster;
  Interactions interactions;
  std::string person, peter, brian, guild, general, bar, messages;
};

}  // namespace hub
