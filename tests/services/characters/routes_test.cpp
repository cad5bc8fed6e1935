#include "characters/routes.h"

#include <gtest/gtest.h>

#include "characters/shipped.h"
#include "json/codec.h"

namespace characters::testing {
namespace {

TEST(Profile, HasTheLinesThatTheCharacterSaysButNoTemplates) {
  Card card;
  card.id = card.name = "Ada";
  card.lines["greeting"] = {"Hello."};
  card.lines["wrap"] = {"Mark this: {fact}"};
  EXPECT_EQ(profile(card).examples, std::vector<std::string>{"Hello."});
}

TEST(Profile, OfEveryShippedCardKeepsTheLimitsOfItsMessage) {
  for (const auto& [name, text] : shipped_cast()) {
    if (!name.ends_with(".json")) continue;
    const auto message = json::encode(profile(parse_card(text).value()));
    const auto decoded = json::decode<contracts::Character>(std::string_view(message));
    EXPECT_TRUE(decoded.ok()) << name << ": " << decoded.error().message;
  }
}

}  // namespace
}  // namespace characters::testing
