#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "discord/protocol.h"
#include "hub/events.h"
#include "hub/switchboard.h"
#include "support/fake_clock.h"

// A small world for tests of the Gateway: two guilds, and lines that remember what they were told.
namespace hub {

inline constexpr Snowflake kGuild = Snowflake{4} << 22U;       // shard 0 of 2
inline constexpr Snowflake kOtherGuild = Snowflake{5} << 22U;  // shard 1 of 2
inline constexpr Snowflake kGeneral = 11;
inline constexpr Snowflake kSecret = 12;
inline constexpr Snowflake kDirect = 13;
inline constexpr Snowflake kPeter = 1;  // a bot that may have every intent
inline constexpr Snowflake kBrian = 2;  // a bot that may have no privileged one
inline constexpr Snowflake kAda = 3;    // a person

class FakeRoster : public Roster {
 public:
  std::optional<Identity> identify(std::string_view token) const override {
    const auto found = tokens.find(std::string(token));
    if (found == tokens.end()) return std::nullopt;
    return found->second;
  }
  std::string ready(Snowflake user) const override {
    return "\"user\":{\"id\":\"" + std::to_string(user) + "\"},\"guilds\":[{\"id\":\"" +
           std::to_string(kGuild) + "\"},{\"id\":\"" + std::to_string(kOtherGuild) + "\"}]";
  }
  std::vector<std::string> guilds(Snowflake) const override {
    return {guild_json(kGuild), guild_json(kOtherGuild)};
  }
  std::vector<Snowflake> guilds_of(Snowflake user) const override {
    ++asked;
    if (user == kBrian) return {kGuild};
    return {kGuild, kOtherGuild};
  }
  bool may_view(Snowflake user, Snowflake channel) const override {
    ++asked;
    return channel == kGeneral || (channel == kSecret && may_view_secret && user == kAda) ||
           (channel == kDirect && user != kBrian);
  }
  std::uint64_t generation() const override { return generation_; }
  std::vector<std::string> members(Snowflake, std::string_view request) const override {
    return {R"({"chunk_index":0,"of":)" + std::string(request) + "}", R"({"chunk_index":1})"};
  }
  static std::string guild_json(Snowflake id) { return R"({"id":")" + std::to_string(id) + "\"}"; }

  std::map<std::string, Identity> tokens{{"peter", {kPeter, true, discord::intent::kAll}},
                                         {"brian", {kBrian, true, 0}},
                                         {"ada", {kAda}}};
  bool may_view_secret = true;
  std::uint64_t generation_ = 1;
  mutable int asked = 0;
};

// What a line was told.
struct Told {
  std::vector<std::string> texts;
  std::uint16_t closed = 0;

  // The texts since the last call, which tests compare whole.
  std::vector<std::string> fresh() { return std::exchange(texts, {}); }
};

class FakeLine final : public Line {
 public:
  explicit FakeLine(std::shared_ptr<Told> told) : told_(std::move(told)) {}
  void send(std::string text) override { told_->texts.push_back(std::move(text)); }
  void send(std::string head, const Tail& tail) override { send(head + *tail); }
  void close(std::uint16_t code, std::string_view) override { told_->closed = code; }

 private:
  std::shared_ptr<Told> told_;
};

}  // namespace hub
