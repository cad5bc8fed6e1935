#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"
#include "hub/archive.h"
#include "hub/buckets.h"
#include "hub/refusal.h"
#include "hub/world.h"
#include "net/net.h"
#include "runtime/worker_pool.h"

namespace hub {

// One request with who made it, answered once in Discord's form with the headers of its bucket. Of
// the loop's thread; `reply` alone may be used elsewhere.
class Exchange {
 public:
  http::Request request;
  std::shared_ptr<http::Reply> reply;
  const User* user = nullptr;  // of routes for anyone perhaps nobody; users are never removed
  http::Headers headers;

  // 0 when it is no id, which nothing has.
  Snowflake id(const std::string& param) const;
  std::string text(const std::string& param) const;
  std::string query(const std::string& name) const;
  // InvalidArgument in 50035's form when the query says something else than a number in range.
  int number(const std::string& name, int fallback, int least, int most) const;

  void answer(std::string json, int status = 200) const;
  void no_content() const;
  void refuse(const Refusal& why) const;
  void refuse(int code) const { refuse(refusal(code)); }
  void respond(http::Response response) const;

  // The body as a struct; has refused when there is nothing.
  template <HasFields T>
  std::optional<T> body() const {
    auto read = json::decode<T>(request.body.empty() ? std::string_view("{}")
                                                     : std::string_view(request.body));
    if (read) return std::move(read).value();
    refuse_body(read.error().message);
    return std::nullopt;
  }
  void refuse_body(std::string_view why) const;
};

using Call = std::shared_ptr<Exchange>;

// Which requests a route takes: anybody's, those with a token, or only people's.
enum class Who { Anyone, Known, Bot, Person };

// Finds the route of a request, who makes it, and whether it may now. Lives on the loop's thread.
class Rest {
 public:
  using Handler = std::function<void(const Call&)>;
  struct Route {
    http::Method method = http::Method::Get;
    std::string pattern;  // below /api/v10
    Who who = Who::Known;
    Handler handler;
    bool posts = false;
    bool global = true;
    std::size_t body_max = 256 * 1024;
  };
  Rest(const World& world, Buckets buckets) : world_(world), buckets_(std::move(buckets)) {}

  void add(Route route);
  void get(std::string pattern, Handler handler, Who who = Who::Known) {
    add({http::Method::Get, std::move(pattern), who, std::move(handler)});
  }
  void post(std::string pattern, Handler handler, Who who = Who::Known) {
    add({http::Method::Post, std::move(pattern), who, std::move(handler)});
  }
  void put(std::string pattern, Handler handler, Who who = Who::Known) {
    add({http::Method::Put, std::move(pattern), who, std::move(handler)});
  }
  void patch(std::string pattern, Handler handler, Who who = Who::Known) {
    add({http::Method::Patch, std::move(pattern), who, std::move(handler)});
  }
  void remove(std::string pattern, Handler handler, Who who = Who::Known) {
    add({http::Method::Delete, std::move(pattern), who, std::move(handler)});
  }

  // Whether the path is one of the API's; `path` is then what follows its version.
  static bool takes(std::string_view& path);
  void route(http::Request request, std::shared_ptr<http::Reply> reply);

 private:
  struct Known {
    Route route;
    std::string name;
    std::vector<std::string> segments;
    int major = -1;  // the segment that limits are counted by
  };
  void serve(const Known& known, const Call& call);
  std::optional<Refusal> admit(const Known& known, Exchange& call) const;

  const World& world_;
  Buckets buckets_;
  std::vector<Known> routes_;
};

// What the routes work with.
struct Stage {
  net::Loop& loop;
  World& world;
  Archive& archive;
  Announcer& announcer;
  runtime::WorkerPool& readers;
  const Clock& clock;

  // Keeps what has changed, then tells; what cannot be kept now is tried again with the next.
  void keep_changes(Done<Nothing> done) const;
  // Keeps what has changed, then runs `then` on the loop, or refuses.
  void commit(const Call& call, std::function<void()> then) const;
  // A `done` for the archive that runs on the loop.
  template <class T>
  Done<T> on_loop(std::function<void(Outcome<T>)> then) const {
    // It is called once, so what it holds moves on.
    return [&loop = loop, then = std::move(then)](Outcome<T> outcome) mutable {
      loop.post([then = std::move(then), outcome = std::move(outcome)]() mutable {
        then(std::move(outcome));
      });
    };
  }
  // Runs `read` on a reader's thread; refuses when too many wait.
  void read(const Call& call, std::function<void()> read) const;

  // The channel that the path names, if the caller may do that there; else it has refused.
  const Channel* channel(const Call& call, std::uint64_t wanted) const;
  const Guild* guild(const Call& call) const;
  // An event about a channel; the intents are those of guilds or of direct channels.
  Event event(std::string_view name, const Channel& channel, std::string data,
              std::uint32_t guild_intent, std::uint32_t direct_intent) const;
};

}  // namespace hub
