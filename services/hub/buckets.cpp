#include "hub/buckets.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"

namespace hub {
namespace {

double seconds(double ms) { return std::max(0.001, ms / 1000); }

http::Response refused(http::Headers headers, double after_s, bool global) {
  http::Response response = http::Response::json(
      fmt::format("{{\"message\":\"You are being rate limited.\",\"retry_after\":{:.3f},\"global\":"
                  "{}}}",
                  after_s, global),
      429);
  headers.set("Retry-After", fmt::format("{}", static_cast<int>(after_s) + 1));
  // discord.py takes a refusal that came through nothing for a ban.
  headers.set("Via", "1.1 hub");
  headers.set("X-RateLimit-Scope", global ? "global" : "user");
  if (global) headers.set("X-RateLimit-Global", "true");
  for (const auto& [name, value] : headers.lines()) response.headers.set(name, value);
  return response;
}

}  // namespace

Buckets::Window& Buckets::window(std::string key, Milliseconds length, SteadyTime now) {
  if (windows_.size() >= options_.keys_max) {
    std::erase_if(windows_, [&](const auto& entry) { return entry.second.ends <= now; });
    // Whoever makes up keys shares one window with all other late comers.
    if (windows_.size() >= options_.keys_max && !windows_.contains(key)) key = "others";
  }
  Window& its = windows_[std::move(key)];
  if (its.ends <= now) its = {0, now + length};
  return its;
}

Buckets::Granted Buckets::take(const Asked& asked) {
  const SteadyTime now = clock_.now();
  const int factor = asked.person ? options_.people_factor : 1;
  if (asked.global) {
    Window& all = window(fmt::format("*{}", asked.user), Milliseconds(1000), now);
    if (all.used >= options_.global_per_second * factor) {
      return {{}, refused({}, seconds(elapsed_ms(now, all.ends)), true)};
    }
    ++all.used;
  }
  const int limit = (asked.posts ? options_.messages : options_.others) * factor;
  const Milliseconds length = asked.posts ? options_.messages_window : options_.others_window;
  Window& its = window(fmt::format("{}|{}|{}", asked.route, asked.major, asked.user), length, now);
  const bool allowed = its.used < limit;
  if (allowed) ++its.used;
  const double after = seconds(elapsed_ms(now, its.ends));
  Granted granted;
  granted.headers.add("X-RateLimit-Limit", fmt::format_int(limit).str());
  granted.headers.add("X-RateLimit-Remaining", fmt::format_int(limit - its.used).str());
  granted.headers.add("X-RateLimit-Reset",
                      fmt::format("{:.3f}", static_cast<double>(clock_.wall_ms()) / 1000 + after));
  granted.headers.add("X-RateLimit-Reset-After", fmt::format("{:.3f}", after));
  granted.headers.add("X-RateLimit-Bucket", hex64(hash64(asked.route)));
  if (!allowed) granted.refusal = refused(granted.headers, after, false);
  return granted;
}

}  // namespace hub
