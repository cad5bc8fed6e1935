#include "llm/reload.h"

#include <future>
#include <string>
#include <utility>

#include "telemetry/log.h"

namespace llm {
namespace {

// Their names, with commas; `fresh` has the old ones then.
std::string put_back(Config& fresh, const Config& in_force) {
  std::string names;
  const auto keep = [&](const char* name, auto Config::*member) {
    if (fresh.*member == in_force.*member) return;
    fresh.*member = in_force.*member;
    names += (names.empty() ? "" : ", ") + std::string(name);
  };
  keep("ca_file", &Config::ca_file);
  keep("cache_kib", &Config::cache_kib);
  keep("body_kib", &Config::body_kib);
  keep("connections", &Config::connections);
  if (fresh.access.lease_requests != in_force.access.lease_requests) {
    fresh.access.lease_requests = in_force.access.lease_requests;
    names += (names.empty() ? "" : ", ") + std::string("lease_requests");
  }
  return names;
}

}  // namespace

Terms terms_of(const Config& config) {
  return {.request_timeout = Milliseconds(config.total_timeout_ms), .prices = config.prices};
}

Result<void> Reload::operator()(Config& fresh) {
  const std::string later = put_back(fresh, in_force_);
  auto options = TRY(chain_options(fresh, what_.variables));
  const auto change = TRY(what_.chain.change(std::move(options)));
  const auto spent = TRY(what_.accounts.read_books());
  std::promise<Result<void>> changed;
  what_.loop.post([&] {
    // Between two requests: none sees one half of it.
    auto configured = what_.accounts.configure(fresh.access, spent);
    if (configured) {
      change();
      *what_.terms = terms_of(fresh);
    }
    changed.set_value(std::move(configured));
  });
  TRY(changed.get_future().get());
  in_force_ = fresh;
  if (!later.empty()) telemetry::warn("settings that only a start changes", {{"names", later}});
  return {};
}

}  // namespace llm
