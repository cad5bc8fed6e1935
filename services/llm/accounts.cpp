#include "llm/accounts.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/utf8.h"
#include "crypto/crypto.h"
#include "retry/limiter.h"

namespace llm {
namespace {

constexpr std::size_t kWaitersMax = 1024;  // for a loan, of one quota
constexpr int kIdleBeats = 10;             // after which a quota that nobody asks keeps nothing
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::size_t kDigestBytes = 32;

// 16 bytes, an IPv4 address as ::ffff:a.b.c.d; empty when it is no address.
std::string address_bytes(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));  // fe80::1%eth0
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) {
    return std::string(bytes.data(), bytes.size());
  }
  bytes[10] = bytes[11] = '\xff';
  if (inet_pton(AF_INET, address.c_str(), bytes.data() + 12) != 1) return {};
  return std::string(bytes.data(), bytes.size());
}

bool on_this_machine(std::string_view peer) {
  if (peer == "127.0.0.1" || peer == "::1") return true;  // as most are
  const std::string bytes = address_bytes(peer);
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f", 13);
  constexpr std::string_view kLoopback("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  return bytes.starts_with(kMapped) || bytes == kLoopback;
}

std::string shown(std::int64_t amount, Unit unit) {
  return unit == Unit::Cost ? fmt::format("{:.4g}", static_cast<double>(amount) / kNanos)
                            : std::to_string(amount);
}

Error wrong(const KeySettings& key, std::string_view what) {
  return {Code::InvalidArgument, fmt::format("api_keys: '{}': {}", key.name, what)};
}

}  // namespace

std::string_view key_in(const http::Headers& headers) {
  if (const auto value = headers.get("authorization")) {
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view scheme = value->substr(0, kScheme.size());
    const bool bearer = std::equal(
        scheme.begin(), scheme.end(), kScheme.begin(), kScheme.end(),
        [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
    if (bearer) return value->substr(std::min(value->find_first_not_of(' ', 7), value->size()));
  }
  for (const std::string_view name : {"x-api-key", "api-key"}) {
    if (const auto value = headers.get(name)) return *value;
  }
  return {};
}

// Linear but for the last star's part: a pattern cannot make it slow.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool Account::may_use(std::string_view model) const {
  return models.empty() || std::any_of(models.begin(), models.end(), [&](const auto& pattern) {
           return matches(pattern, model);
         });
}

Result<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  Network network;
  network.bytes_ = address_bytes(text.substr(0, slash));
  const bool v6 = text.find(':') != std::string_view::npos;
  const int most = v6 ? 128 : 32;
  int bits = most;
  bool good = !network.bytes_.empty();
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
    good = good && error == std::errc() && end == digits.end() && bits >= 0 && bits <= most;
  }
  if (!good) {
    return Error{Code::InvalidArgument,
                 fmt::format("'{}' is no range of addresses such as 10.0.0.0/8", text)};
  }
  network.bits_ = v6 ? bits : 96 + bits;
  return network;
}

bool Network::contains(std::string_view address) const {
  const std::string other = address_bytes(address);
  if (other.empty()) return false;
  const auto whole = static_cast<std::size_t>(bits_ / 8);
  if (std::memcmp(other.data(), bytes_.data(), whole) != 0) return false;
  if (bits_ % 8 == 0) return true;
  return ((other[whole] ^ bytes_[whole]) & (0xff << (8 - bits_ % 8)) & 0xff) == 0;
}

// --- keys ---------------------------------------------------------------------------------------

struct Accounts::Metered {
  std::uint64_t number;  // names it in a Rejection
  Quota quota;
  std::vector<std::function<void()>> waiters{};
  bool waking = false;
  int idle_beats = 0;
};

struct Accounts::Entry {
  struct Limit {
    MeteredRef metered;
    std::int64_t amount = 0;
  };
  Account account;
  std::vector<Network> networks;
  std::vector<Limit> limits;
  // The same, by what they count.
  std::vector<MeteredRef> requests;
  std::vector<MeteredRef> spending;
};

struct Accounts::Book {
  struct Secret {
    std::string digest;
    std::shared_ptr<Entry> entry;
  };
  // By the first bytes of the digest: what they tell in time is nothing about a key.
  std::unordered_multimap<std::uint64_t, Secret> secrets;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries;  // by name
  const Entry* guest = nullptr;                                     // who brings no key
  // Of a bucket of 1, from which a request takes its part: so a reload that changes how many there
  // may be refills none.
  std::optional<retry::KeyedLimiter> addresses;
  std::int64_t per_address = 0;

  static std::uint64_t index(std::string_view digest) {
    std::uint64_t first = 0;
    std::memcpy(&first, digest.data(), sizeof first);
    return first;
  }
  const Secret* find(std::string_view digest) const {
    const auto [begin, end] = secrets.equal_range(index(digest));
    for (auto it = begin; it != end; ++it) {
      if (crypto::equal(it->second.digest, digest)) return &it->second;
    }
    return nullptr;
  }
};

// What one request has set aside.
class Accounts::Held final : public Claim {
 public:
  Held(std::shared_ptr<const Entry> entry, std::int64_t tokens, std::int64_t nanos,
       const Clock& clock)
      : entry_(std::move(entry)), tokens_(tokens), nanos_(nanos), clock_(clock) {}
  ~Held() override { settle(0, 0); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  void settle(std::int64_t tokens, std::int64_t nanos) {
    if (std::exchange(settled_, true)) return;
    const Moment now = moment(clock_);
    for (const MeteredRef& metered : entry_->spending) {
      const bool cost = metered->quota.rule().unit == Unit::Cost;
      metered->quota.settle(cost ? nanos_ : tokens_, cost ? nanos : tokens, now);
    }
  }
  const Entry& entry() const { return *entry_; }
  bool settled() const { return settled_; }

 private:
  const std::shared_ptr<const Entry> entry_;
  const std::int64_t tokens_;
  const std::int64_t nanos_;
  const Clock& clock_;
  bool settled_ = false;
};

Accounts::Accounts(Options options, telemetry::Metrics& metrics)
    : options_(std::move(options)),
      open_(std::make_shared<const Account>(Account{.admin = true})),
      loans_(metrics.counter("troupe_llm_limit_loans_total", "Parts of limits asked of Redis")),
      loans_failed_(metrics.counter("troupe_llm_limit_loan_failures_total",
                                    "Those that Redis has not answered")),
      shared_(metrics.gauge("troupe_llm_limits_shared",
                            "1: limits hold across instances, 0: in this one only")) {
  for (const std::string reason : {"key", "address", "model", "requests", "tokens", "cost"}) {
    refusals_.emplace(reason, metrics.counter("troupe_llm_refusals_total",
                                              "Requests refused, by what was wrong or used up",
                                              {{"reason", reason}}));
  }
}

Result<std::shared_ptr<Accounts>> Accounts::open(const Settings& settings, Options options,
                                                 telemetry::Metrics& metrics) {
  std::shared_ptr<Accounts> accounts(new Accounts(std::move(options), metrics));
  // Nobody else is asked about.
  const Books books = settings.keys.empty() ? Books() : TRY(accounts->read_books());
  TRY(accounts->configure(settings, books));
  return accounts;
}

Accounts::~Accounts() {
  if (lender_ == nullptr) return;
  for (const auto& [name, entry] : book_->entries) {
    for (const auto& limit : entry->limits) give_back(*limit.metered, Quota::Keep::Nothing);
  }
}

Result<Accounts::Books> Accounts::read_books() const {
  const std::int64_t now = options_.clock->wall_ms();
  Books books{span_of(Window::Day, now).begin_ms / kDayMs,
              span_of(Window::Month, now).begin_ms / kDayMs};
  if (options_.spent) books.spent = TRY(options_.spent(books.day, books.month));
  return books;
}

Result<void> Accounts::configure(const Settings& settings, const Books& books) {
  auto book = TRY(read(settings, books));
  // Only now, when all of it is known to be good.
  const Moment now = moment(*options_.clock);
  for (const auto& [name, entry] : book->entries) {
    for (const auto& limit : entry->limits) limit.metered->quota.set_amount(limit.amount, now);
  }
  if (book_ != nullptr && book_->addresses && book->addresses) {
    book->addresses = std::move(book_->addresses);
  }
  book_ = std::move(book);
  std::erase_if(borrowers_, [](const auto& borrower) { return borrower.second.expired(); });
  return {};
}

Result<std::shared_ptr<Accounts::Book>> Accounts::read(const Settings& settings,
                                                       const Books& books) {
  auto book = std::make_shared<Book>();
  for (const KeySettings& key : settings.keys) {
    TRY(read_key(key, std::max(settings.lease_requests, 1), books, *book));
  }
  book->per_address = settings.requests_per_minute_per_address;
  if (book->per_address > 0) {
    book->addresses.emplace(retry::Limiter::Options{.per_second = 1.0 / 60, .burst = 1});
  }
  return book;
}

Result<void> Accounts::read_key(const KeySettings& key, int lease_requests, const Books& books,
                                Book& book) {
  auto entry = std::make_shared<Entry>();
  entry->account = {.key = key.name,
                    .tenant = key.name,
                    .admin = key.admin,
                    .models = key.models,
                    .semantic = key.semantic_cache};
  if (key.name.empty() || !book.entries.emplace(key.name, entry).second) {
    return wrong(key, "a name that no other key has is missing");
  }
  std::vector<std::string> digests;
  if (!key.key_env.empty()) {
    const std::string value = options_.variable(key.key_env);
    const std::string_view secret = trimmed(value);
    if (secret.empty()) return wrong(key, key.key_env + " is not set");
    digests.push_back(crypto::sha256(secret));
  }
  if (!key.sha256.empty()) {
    auto digest = crypto::from_hex(key.sha256);
    if (!digest || digest.value().size() != kDigestBytes) {
      return wrong(key, "sha256 is not 64 hexadecimal digits");
    }
    digests.push_back(std::move(digest).value());
  }
  if (digests.empty() && std::exchange(book.guest, entry.get()) != nullptr) {
    return wrong(key, "another entry is for those without a key already");
  }
  for (std::string& digest : digests) {
    if (book.find(digest) != nullptr) return wrong(key, "another entry has the same key");
    const std::uint64_t index = Book::index(digest);
    book.secrets.emplace(index, Book::Secret{std::move(digest), entry});
  }
  for (const std::string& address : key.addresses) {
    const auto network = Network::parse(address);
    if (!network) return wrong(key, network.error().message);
    entry->networks.push_back(network.value());
  }
  const auto nanos = [](double cost) { return to_nanos(cost); };
  for (const Rule& rule : {Rule{Unit::Requests, Window::Minute, key.requests_per_minute},
                           {Unit::Requests, Window::Hour, key.requests_per_hour},
                           {Unit::Tokens, Window::Minute, key.tokens_per_minute},
                           {Unit::Tokens, Window::Day, key.tokens_per_day},
                           {Unit::Tokens, Window::Month, key.tokens_per_month},
                           {Unit::Cost, Window::Day, nanos(key.cost_per_day)},
                           {Unit::Cost, Window::Month, nanos(key.cost_per_month)}}) {
    if (rule.amount > 0) add_limit(*entry, rule, lease_requests, books);
  }
  return {};
}

// The limit that the key has had so far goes on, with what was used of it.
void Accounts::add_limit(Entry& entry, const Rule& rule, int lease_requests, const Books& books) {
  MeteredRef metered;
  if (book_ != nullptr && book_->entries.contains(entry.account.key)) {
    for (const auto& limit : book_->entries[entry.account.key]->limits) {
      const Rule& before = limit.metered->quota.rule();
      if (before.unit == rule.unit && before.window == rule.window) metered = limit.metered;
    }
  }
  if (metered == nullptr) {
    const std::string name = fmt::format("{}:{}:{}", entry.account.key, static_cast<int>(rule.unit),
                                         static_cast<int>(rule.window));
    metered = std::make_shared<Metered>(
        Metered{++metered_, Quota(rule, name, options_.instance, lease_requests)});
    if (!rule.rate()) {
      metered->quota.begin_with(used_before(entry.account.key, rule, books),
                                moment(*options_.clock));
    }
  }
  entry.limits.push_back({metered, rule.amount});
  (rule.unit == Unit::Requests ? entry.requests : entry.spending).push_back(std::move(metered));
}

std::int64_t Accounts::used_before(const std::string& key, const Rule& rule,
                                   const Books& books) const {
  const bool of_day = rule.window == Window::Day;
  const Span span = span_of(rule.window, options_.clock->wall_ms());
  const bool over = span.begin_ms / kDayMs != (of_day ? books.day : books.month);
  const auto found = books.spent.find(key);
  if (over || found == books.spent.end()) return 0;
  const Ledger::Spent& spent = found->second;
  if (rule.unit == Unit::Cost) return to_nanos(of_day ? spent.day_cost : spent.month_cost);
  return of_day ? spent.day_tokens : spent.month_tokens;
}

const Accounts::Entry* Accounts::known(std::string_view secret) const {
  if (secret.empty()) return book_->guest;
  const Book::Secret* const found = book_->find(crypto::sha256(secret));
  return found == nullptr ? nullptr : found->entry.get();
}

// --- requests -----------------------------------------------------------------------------------

Rejection Accounts::refuse(const std::string& reason, Code code, std::string message,
                           Milliseconds wait) {
  refusals_.at(reason).add();
  Rejection rejection{.error = Error{code, std::move(message)}};
  if (code == Code::Overloaded) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
    rejection.retry_after = std::max(seconds, std::chrono::seconds(1));
  }
  return rejection;
}

std::optional<Rejection> Accounts::check(const MeteredRef& metered, std::int64_t amount,
                                         const Moment& now, const Entry& entry) {
  constexpr std::array kReasons{"requests", "tokens", "cost"};  // in the order of Unit
  const Rule& rule = metered->quota.rule();
  const std::string reason = kReasons[static_cast<std::size_t>(rule.unit)];
  metered->idle_beats = 0;
  if (rule.unit != Unit::Requests && amount > rule.amount) {
    // No wait would help.
    return refuse(reason, Code::TooLarge,
                  fmt::format("the key '{}' may use {}, and this request may come to {}",
                              entry.account.key, rule.text(), shown(amount, rule.unit)),
                  {});
  }
  const Quota::Answer answer = metered->quota.check(amount, now, sharing());
  switch (answer.kind) {
    case Quota::Answer::Kind::Yes:
      return std::nullopt;
    case Quota::Answer::Kind::No:
      return refuse(reason, Code::Overloaded,
                    fmt::format("the key '{}' may use {}, and too little of it is left",
                                entry.account.key, rule.text()),
                    answer.wait);
    case Quota::Answer::Kind::Borrow:
      break;
  }
  if (metered->waiters.size() >= kWaitersMax) {
    return refuse(reason, Code::Overloaded, "too many requests wait for their limit", {});
  }
  borrowers_.insert_or_assign(metered->number, metered);
  borrow(metered);
  Rejection rejection{
      .error = Error{Code::Overloaded, fmt::format("the limit of the key '{}' is being asked for",
                                                   entry.account.key)},
      .retry_after = std::chrono::seconds(1)};
  rejection.lease = metered->number;
  return rejection;
}

std::variant<AccountRef, Rejection> Accounts::admit(std::string_view secret, std::string_view peer,
                                                    std::string_view /*path*/) {
  const Moment now = moment(*options_.clock);
  const Entry* const entry = book_->entries.empty() ? nullptr : known(secret);
  if (entry != nullptr) {
    const auto& networks = entry->networks;
    const auto inside = [&](const Network& network) { return network.contains(peer); };
    if (!networks.empty() && std::none_of(networks.begin(), networks.end(), inside)) {
      return refuse("address", Code::PermissionDenied,
                    fmt::format("the key '{}' may not be used from {}", entry->account.key, peer),
                    {});
    }
    for (const MeteredRef& metered : entry->requests) {
      if (auto rejection = check(metered, 1, now, *entry)) return *std::move(rejection);
    }
  }
  // Also of those whose key is wrong: nobody tries keys faster than this.
  if (book_->addresses) {
    const double part = 1 / static_cast<double>(book_->per_address);
    if (const auto taken = book_->addresses->take(peer, part, now.steady); !taken) {
      return refuse(
          "address", Code::Overloaded,
          fmt::format("{} requests a minute may come from one address", book_->per_address),
          taken.wait);
    }
  }
  if (entry == nullptr && book_->entries.empty()) {
    if (on_this_machine(peer)) return open_;
    return refuse("key", Code::Unauthenticated,
                  "no API key is configured, so only this machine may ask", {});
  }
  if (entry == nullptr) {
    return refuse("key", Code::Unauthenticated,
                  secret.empty() ? "an API key is missing" : "this API key is not known", {});
  }
  for (const MeteredRef& metered : entry->requests) metered->quota.reserve(1, now);
  // Shares the entry's life.
  return AccountRef(book_->entries.at(entry->account.key), &entry->account);
}

std::variant<Reservation, Rejection> Accounts::reserve(const AccountRef& account,
                                                       const Demand& demand) {
  if (!demand.model.empty() && !account->may_use(demand.model)) {
    return refuse(
        "model", Code::PermissionDenied,
        fmt::format("the key '{}' may not use the model '{}'", account->key, demand.model), {});
  }
  // By name: the key may have other limits by now, or come from elsewhere than admit().
  const auto found = book_->entries.find(account->key);
  if (found == book_->entries.end() || found->second->spending.empty()) return Reservation();
  const auto& entry = found->second;
  const Moment now = moment(*options_.clock);
  const std::int64_t tokens = std::max<std::int64_t>(demand.tokens, 0);
  const std::int64_t nanos = to_nanos(demand.cost);
  const auto amount = [&](const MeteredRef& metered) {
    return metered->quota.rule().unit == Unit::Cost ? nanos : tokens;
  };
  for (const MeteredRef& metered : entry->spending) {
    if (auto rejection = check(metered, amount(metered), now, *entry)) {
      return *std::move(rejection);
    }
  }
  for (const MeteredRef& metered : entry->spending) {
    metered->quota.reserve(amount(metered), now);
  }
  return std::make_shared<Held>(entry, tokens, nanos, *options_.clock);
}

void Accounts::settle(const Reservation& reservation, std::int64_t tokens, double cost) {
  if (reservation == nullptr) return;
  auto& held = static_cast<Held&>(*reservation);
  if (held.settled()) return;
  tokens = std::max<std::int64_t>(tokens, 0);
  held.settle(tokens, to_nanos(cost));
  // Limits that the key has got while the request was under way.
  const auto& before = held.entry().spending;
  const auto now_has = book_->entries.find(held.entry().account.key);
  if (now_has != book_->entries.end() && now_has->second.get() != &held.entry()) {
    const Moment now = moment(*options_.clock);
    for (const MeteredRef& metered : now_has->second->spending) {
      if (std::find(before.begin(), before.end(), metered) != before.end()) continue;
      const bool of_cost = metered->quota.rule().unit == Unit::Cost;
      metered->quota.settle(0, of_cost ? to_nanos(cost) : tokens, now);
    }
  }
  if (lender_ == nullptr) return;
  for (const MeteredRef& metered : held.entry().spending) {
    give_back(*metered, Quota::Keep::Some);
  }
}

// --- sharing ------------------------------------------------------------------------------------

Sharing Accounts::sharing() const {
  return lender_ != nullptr && lender_->works() ? Sharing::Shared : Sharing::Here;
}

std::string Accounts::state() const {
  if (lender_ == nullptr) return "local";
  return lender_->works() ? "shared" : std::string(lender_->state());
}

void Accounts::wait(std::uint64_t lease, std::function<void()> again) {
  const auto found = borrowers_.find(lease);
  const MeteredRef metered = found == borrowers_.end() ? nullptr : found->second.lock();
  if (metered == nullptr) return again();  // the limit is gone
  metered->waiters.push_back(std::move(again));
}

// While those who wait are told, what they want again is only gathered: it becomes one loan.
void Accounts::borrow(const MeteredRef& metered) {
  if (metered->waking) return;
  auto loan = metered->quota.borrow(moment(*options_.clock));
  if (!loan) return;
  loans_.add();
  lender_->lend(*std::move(loan), [weak = weak_from_this(), metered](std::optional<Lent> lent) {
    if (const auto self = weak.lock()) self->lent(metered, lent);
  });
}

void Accounts::lent(const MeteredRef& metered, const std::optional<Lent>& lent) {
  if (!lent) loans_failed_.add();
  metered->quota.lent(lent, moment(*options_.clock));
  metered->waking = true;
  for (const auto& again : std::exchange(metered->waiters, {})) again();
  metered->waking = false;
  borrow(metered);
}

void Accounts::give_back(Metered& metered, Quota::Keep keep) {
  auto loan = metered.quota.give_back(keep, moment(*options_.clock));
  if (loan) lender_->lend(*std::move(loan), [](const auto&) {});
}

void Accounts::beat() {
  shared_.set(sharing() == Sharing::Shared ? 1 : 0);
  for (const auto& [name, entry] : book_->entries) {
    for (const auto& limit : entry->limits) {
      Metered& metered = *limit.metered;
      const bool idle = ++metered.idle_beats > kIdleBeats;
      give_back(metered, idle ? Quota::Keep::Nothing : Quota::Keep::Some);
    }
  }
}

void share_through_redis(const std::shared_ptr<Accounts>& accounts, RedisLender::Options options,
                         RedisLender::Post post) {
  const std::weak_ptr weak = accounts;
  accounts->borrow_from(std::make_unique<RedisLender>(std::move(options), std::move(post), [weak] {
    if (const auto alive = weak.lock()) alive->beat();
  }));
}

}  // namespace llm
