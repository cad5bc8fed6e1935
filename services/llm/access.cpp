#include "llm/access.h"

#include <fmt/format.h>

#include <utility>

namespace llm {

Result<std::shared_ptr<Accounts>> open_accounts(
    runtime::Process& process, const Accounts::Settings& settings,
    std::function<std::string(const std::string& name)> variable, Ledger& ledger, net::Loop& loop) {
  Accounts::Options options;
  options.variable = std::move(variable);
  options.spent = [&ledger](std::int64_t day, std::int64_t month) {
    return ledger.spent(day, month);
  };
  const runtime::Settings& common = process.settings();
  const bool shared = !common.redis_url.empty();  // also for the keys of a reload
  if (shared) {
    const std::string folder = TRY(process.data_dir());
    options.instance = TRY(instance_name(folder + "/instance"));
  }
  auto accounts = TRY(Accounts::open(settings, std::move(options), process.metrics()));
  if (shared) {
    RedisLender::Options redis;
    redis.address = TRY(cache::parse_redis_url(common.redis_url));
    redis.timeout = Milliseconds(common.redis_connect_timeout_ms);
    share_through_redis(accounts, std::move(redis),
                        [&loop](std::function<void()> task) { loop.post(std::move(task)); });
  }
  // Without Redis each instance holds the limits by itself: that is no reason not to serve. Also
  // without keys: a reload may bring some.
  process.check("limits", [weak = std::weak_ptr(accounts)] {
    const auto alive = weak.lock();
    return runtime::Process::State{alive == nullptr ? "closed" : alive->state(), true};
  });
  return accounts;
}

}  // namespace llm
