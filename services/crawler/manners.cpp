#include "crawler/manners.h"

#include <fmt/format.h>

#include <algorithm>

namespace crawler {

Result<void> Manners::enter(const Url& url, const std::stop_token& stop) {
  const Known known = TRY(rules(url, stop));
  if (known.unreachable) {
    return Error{Code::Unavailable, fmt::format("{}/robots.txt cannot be had", url.origin())};
  }
  if (!known.robots.allows(url.target)) {
    return Error{Code::PermissionDenied, fmt::format("{}: robots.txt says no", url.text())};
  }
  const Milliseconds asked =
      std::min(options_.crawl_delay_max, known.robots.crawl_delay().value_or(Milliseconds(0)));
  const SteadyTime turn = pacer_.reserve(url.origin(), std::max(options_.delay, asked));
  if (turn > clock_.now() && !wait_until(turn, stop)) return Error{Code::Cancelled, "cancelled"};
  return {};
}

// Two that come at once may both ask: the answers are the same.
Result<Manners::Known> Manners::rules(const Url& url, const std::stop_token& stop) {
  const std::string origin = url.origin();
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(origin);
    if (found != known_.end() && found->second.until > clock_.now()) return found->second;
  }
  Url place = url;
  place.target = "/robots.txt";
  const auto answer = fetch_(place, stop);
  Known known;
  known.until = clock_.now() + options_.keep;
  if (!answer && answer.error().code == Code::Cancelled) return answer.error();
  // Not a matter of robots.txt: the site itself is out of bounds.
  if (!answer && answer.error().code == Code::PermissionDenied) return answer.error();
  const int status = answer ? answer.value().status : 0;
  if (status == 200) {
    known.robots = Robots::parse(answer.value().text, options_.agent);
  } else if ((status >= 400 && status < 500 && status != 429) ||
             (!answer && answer.error().code == Code::InvalidArgument)) {
    known.robots = Robots::allow_all();  // there is none (section 2.3.1.3), or none to be read
  } else {
    known.robots = Robots::disallow_all();
    known.unreachable = true;
    known.until = clock_.now() + options_.keep_unreachable;
  }
  keep(origin, known);
  return known;
}

void Manners::keep(const std::string& origin, const Known& known) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.now();
  if (known_.size() >= options_.sites_max) {
    std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
  }
  if (known_.size() >= options_.sites_max) known_.erase(known_.begin());
  known_[origin] = known;
}

}  // namespace crawler
