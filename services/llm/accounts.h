#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/fields.h"
#include "http/http.h"
#include "llm/gatekeeper.h"
#include "llm/leases.h"
#include "llm/ledger.h"
#include "llm/quota.h"
#include "telemetry/metrics.h"

namespace llm {

// One entry of the setting `api_keys`. 0: no limit. With neither key_env nor sha256 it is for
// whoever brings no key; with both, either opens, so that a key can be replaced while it is in use.
struct KeySettings {
  std::string name;
  std::string key_env;  // the variable that holds the key
  std::string sha256;   // of the key, in hexadecimal
  bool admin = false;
  std::int64_t requests_per_minute = 0;
  std::int64_t requests_per_hour = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t tokens_per_day = 0;
  std::int64_t tokens_per_month = 0;
  double cost_per_day = 0;
  double cost_per_month = 0;
  std::vector<std::string> models;     // patterns, * for anything; none: all models
  std::vector<std::string> addresses;  // such as 10.0.0.0/8; none: from anywhere
  std::optional<bool> semantic_cache;  // whether its chats use it; not set: as semantic_cache.on

  static void fields(auto& self, auto&& visit) {
    constexpr double kMost = 1e12;
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 64});
    visit("key_env", self.key_env, Field{.bytes_max = 128, .defaulted = true});
    visit("sha256", self.sha256, Field{.bytes_max = 64, .defaulted = true});
    visit("admin", self.admin, Field{.defaulted = true});
    const auto limit = [&](const char* called, auto& member, double most) {
      visit(called, member, Field{.min = 0, .max = most, .defaulted = true});
    };
    limit("requests_per_minute", self.requests_per_minute, kMost);
    limit("requests_per_hour", self.requests_per_hour, kMost);
    limit("tokens_per_minute", self.tokens_per_minute, kMost);
    limit("tokens_per_day", self.tokens_per_day, kMost);
    limit("tokens_per_month", self.tokens_per_month, kMost);
    limit("cost_per_day", self.cost_per_day, 1e6);
    limit("cost_per_month", self.cost_per_month, 1e6);
    visit("models", self.models,
          Field{.bytes_min = 1, .bytes_max = 128, .items_max = 64, .defaulted = true});
    visit("addresses", self.addresses,
          Field{.bytes_min = 1, .bytes_max = 64, .items_max = 64, .defaulted = true});
    visit("semantic_cache", self.semantic_cache);
  }
  friend bool operator==(const KeySettings&, const KeySettings&) = default;
};

// What a request carries as its key: Authorization: Bearer, x-api-key or api-key; empty: none.
std::string_view key_in(const http::Headers& headers);
// Whether `text` is `pattern`, in which each * stands for anything.
bool matches(std::string_view pattern, std::string_view text);

// A range of addresses: "10.0.0.0/8", "::1". IPv4 addresses also match in their IPv6 spelling.
class Network {
 public:
  static Result<Network> parse(std::string_view text);
  bool contains(std::string_view address) const;

 private:
  std::string bytes_;  // 16, of an IPv4 address those of ::ffff:a.b.c.d
  int bits_ = 128;
};

// The keys and what each may use. Keys are known by their digests only. Of the loop's thread, but
// for state(); nothing waits.
class Accounts final : public Gatekeeper, public std::enable_shared_from_this<Accounts> {
 public:
  struct Settings {
    std::vector<KeySettings> keys;  // none: everybody on this machine passes, as ""
    std::int64_t requests_per_minute_per_address = 0;
    int lease_requests = 16;  // how many requests' worth one instance borrows at a time

    static void fields(auto& self, auto&& visit) {
      visit("api_keys", self.keys,
            Field{.items_max = 1024,
                  .help = "who may ask, and how much, as JSON; none: anybody"
                          " on this machine"});
      visit("requests_per_minute_per_address", self.requests_per_minute_per_address,
            Field{.min = 0, .max = 1e9, .help = "from one address, whatever the key; 0: no limit"});
      visit("lease_requests", self.lease_requests,
            Field{.min = 1,
                  .max = 10'000,
                  .help = "how many requests' worth of a limit that is shared through Redis an"
                          " instance takes at a time; 1: none in advance"});
    }
  };
  // What the books say of the keys, read at some moment of a day and a month.
  struct Books {
    std::int64_t day = 0;  // since 1970, as the next
    std::int64_t month = 0;
    std::map<std::string, Ledger::Spent> spent = {};  // in the days from each of them on
  };
  // The world outside.
  struct Options {
    std::function<std::string(const std::string& name)> variable;
    // See Ledger::spent().
    std::function<Result<std::map<std::string, Ledger::Spent>>(std::int64_t day,
                                                               std::int64_t month)>
        spent;
    std::string instance = "here";  // see instance_name()
    const Clock* clock = &SystemClock::instance();
  };

  // InvalidArgument names the entry that cannot be.
  static Result<std::shared_ptr<Accounts>> open(const Settings& settings, Options options,
                                                telemetry::Metrics& metrics);
  // Brings back what is borrowed.
  ~Accounts() override;

  // For configure(), which is next. Waits for the disk: not on the loop.
  Result<Books> read_books() const;
  // Other keys and limits from now on, or an Error and all stays as it was. What was used counts.
  Result<void> configure(const Settings& settings, const Books& books);

  // Shares the limits with other instances from now on; before anybody asks. The lender calls
  // beat(), on the loop, some times a second.
  void borrow_from(std::unique_ptr<Lender> lender) { lender_ = std::move(lender); }
  void beat();
  // For /health: "local", "shared", "connecting" or "unavailable"; with the last two they are local
  // for the time being. Thread-safe.
  std::string state() const;

  std::variant<AccountRef, Rejection> admit(std::string_view secret, std::string_view peer,
                                            std::string_view path) override;
  std::variant<Reservation, Rejection> reserve(const AccountRef& account,
                                               const Demand& demand) override;
  void wait(std::uint64_t lease, std::function<void()> again) override;
  void settle(const Reservation& reservation, std::int64_t tokens, double cost) override;

 private:
  struct Metered;  // a quota and who waits for it
  struct Entry;    // a key
  class Held;      // a reservation
  struct Book;     // all keys
  using MeteredRef = std::shared_ptr<Metered>;

  Accounts(Options options, telemetry::Metrics& metrics);
  Result<std::shared_ptr<Book>> read(const Settings& settings, const Books& books);
  Result<void> read_key(const KeySettings& key, int lease_requests, const Books& books, Book& book);
  void add_limit(Entry& entry, const Rule& rule, int lease_requests, const Books& books);
  std::int64_t used_before(const std::string& key, const Rule& rule, const Books& books) const;
  const Entry* known(std::string_view secret) const;
  Sharing sharing() const;
  std::optional<Rejection> check(const MeteredRef& metered, std::int64_t amount, const Moment& now,
                                 const Entry& entry);
  Rejection refuse(const std::string& reason, Code code, std::string message, Milliseconds wait);
  void borrow(const MeteredRef& metered);
  void lent(const MeteredRef& metered, const std::optional<Lent>& lent);
  void give_back(Metered& metered, Quota::Keep keep);

  const Options options_;
  const AccountRef open_;
  std::map<std::string, telemetry::Counter> refusals_;  // by their reason
  telemetry::Counter loans_;
  telemetry::Counter loans_failed_;
  telemetry::Gauge shared_;
  std::shared_ptr<Book> book_;
  std::uint64_t metered_ = 0;  // the latest number that was given to one
  std::unordered_map<std::uint64_t, std::weak_ptr<Metered>> borrowers_;
  std::unique_ptr<Lender> lender_;
};

// Shares the limits through a Redis; `post` runs its argument on the loop.
void share_through_redis(const std::shared_ptr<Accounts>& accounts, RedisLender::Options options,
                         RedisLender::Post post);

}  // namespace llm
