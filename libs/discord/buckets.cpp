#include "discord/buckets.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace discord {
namespace {

constexpr std::chrono::minutes kInvalidWindow{10};
constexpr std::size_t kBucketsMax = 1000;
constexpr std::size_t kHashesMax = 500;
constexpr double kWaitSecondsMax = 24 * 3600;

bool is_id(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string_view> segments_of(std::string_view path) {
  path = path.substr(0, path.find('?'));
  std::vector<std::string_view> all;
  while (!path.empty()) {
    path.remove_prefix(path.front() == '/' ? 1 : 0);
    const std::size_t end = std::min(path.find('/'), path.size());
    all.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return all;
}

// A header as a number that can be trusted: not negative, not endless.
std::optional<double> number(const http::Headers& headers, std::string_view name) {
  const auto text = headers.get(name);
  if (!text || text->empty()) return std::nullopt;
  const std::string copy(*text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || !(value >= 0)) return std::nullopt;
  return std::min(value, 1e9);
}

// Rounded up: a request that comes a moment early is a 429.
Milliseconds wait_of(double seconds) {
  if (!(seconds >= 0)) seconds = 0;
  return Milliseconds(std::llround(std::ceil(std::min(seconds, kWaitSecondsMax) * 1000)));
}

}  // namespace

Route route_of(http::Method method, std::string_view path) {
  const auto segments = segments_of(path);
  Route route{std::string(http::name(method)) + " ", {}};
  std::size_t majors = 0;
  if (segments.size() > 1) {
    const std::string_view top = segments[0];
    // Their tokens belong to them.
    if (top == "webhooks" || top == "interactions") majors = 3;
    if (top == "channels" || top == "guilds") majors = 2;
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool major = i > 0 && i < majors;
    const bool emoji = i > 0 && segments[i - 1] == "reactions";
    route.name += '/';
    route.name += major || emoji || is_id(segments[i]) ? std::string_view("{}") : segments[i];
    if (i < majors) route.major += (i > 0 ? "/" : "") + std::string(segments[i]);
  }
  return route;
}

std::string Buckets::key(const Route& route) const {
  const auto hash = hashes_.find(route.name);
  return (hash == hashes_.end() ? route.name : hash->second) + " " + route.major;
}

bool Buckets::busy(const std::string& key) const {
  const auto bucket = buckets_.find(key);
  return bucket != buckets_.end() && bucket->second.busy;
}

Buckets::Admission Buckets::admit(const Route& route, Global global, SteadyTime now) {
  const std::string held = key(route);
  // What was sent before the route learnt its bucket holds the route's own name still.
  if (busy(held) || busy(route.name + " " + route.major)) return {};
  Bucket& bucket = buckets_[held];
  if (bucket.remaining <= 0 && now < bucket.reset) return {.at = bucket.reset};
  while (!invalid_.empty() && invalid_.front() + kInvalidWindow <= now) invalid_.pop_front();
  if (invalid_.size() >= static_cast<std::size_t>(std::max(1, options_.invalid_max))) {
    return {.at = invalid_.front() + kInvalidWindow};
  }
  if (global == Global::Bound) {
    if (now < global_until_) return {.at = global_until_};
    const auto taken = global_.take(1, now);
    // At least a millisecond: whoever asks again at once finds the same.
    if (!taken) return {.at = now + std::max(taken.wait, Milliseconds(1))};
  }
  bucket.busy = true;
  return {.go = true, .held = held};
}

void Buckets::learn(const Route& route, const std::string& held, const Answer& answer,
                    SteadyTime now) {
  done(held);
  const auto hash = answer.headers.get("X-RateLimit-Bucket");
  if (hash && hash->size() <= 128 &&
      (hashes_.size() < kHashesMax || hashes_.contains(route.name))) {
    hashes_[route.name] = *hash;
  }
  Bucket& bucket = buckets_[key(route)];
  const auto remaining = number(answer.headers, "X-RateLimit-Remaining");
  const auto reset_after = number(answer.headers, "X-RateLimit-Reset-After");
  if (remaining && reset_after) {
    bucket.remaining = static_cast<std::int64_t>(*remaining);
    bucket.reset = now + wait_of(*reset_after);
  }
  const bool limited = answer.status == 429;
  if (limited) limit(bucket, answer, now);
  const bool shared = answer.headers.get("X-RateLimit-Scope") == "shared";
  if (answer.status == 401 || answer.status == 403 || (limited && !shared)) count_invalid(now);
  make_room(now);
}

void Buckets::limit(Bucket& bucket, const Answer& answer, SteadyTime now) {
  const auto header = number(answer.headers, "Retry-After");
  const SteadyTime until = now + wait_of(answer.retry_after_s.value_or(header.value_or(1)));
  const auto scope = answer.headers.get("X-RateLimit-Scope");
  // One without Discord's words comes from the network before it, which counts all routes.
  const bool foreign = !scope && !answer.retry_after_s && !answer.headers.get("X-RateLimit-Bucket");
  if (answer.global || foreign || scope == "global" ||
      answer.headers.get("X-RateLimit-Global") == "true") {
    global_until_ = std::max(global_until_, until);
  } else {
    bucket.remaining = 0;
    bucket.reset = std::max(bucket.reset, until);
  }
}

void Buckets::done(const std::string& held) {
  const auto bucket = buckets_.find(held);
  if (bucket != buckets_.end()) bucket->second.busy = false;
}

void Buckets::count_invalid(SteadyTime now) {
  invalid_.push_back(now);
  if (invalid_.size() > static_cast<std::size_t>(std::max(1, options_.invalid_max))) {
    invalid_.pop_front();
  }
}

// What is free and full is as good as forgotten.
void Buckets::make_room(SteadyTime now) {
  if (buckets_.size() <= kBucketsMax) return;
  std::erase_if(buckets_, [&](const auto& entry) {
    return !entry.second.busy && (entry.second.reset <= now || entry.second.remaining > 0);
  });
}

}  // namespace discord
