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

TEST(Profile, LeavesOutALineThatItsMacrosMakeTooLongForTheMessage) {
  Card card;
  card.id = "ada";
  card.name = std::string(128, 'a');
  card.lines["greeting"] = {"{{char}}{{char}}{{char}}{{char}}{{char}}{{char}}{{char}}{{char}}",
                            "Hello."};
  EXPECT_EQ(profile(card).examples, std::vector<std::string>{"Hello."});
}

TEST(Profile, KeepsToItsShareOfTheList) {
  Card card;
  card.id = card.name = "ada";
  card.lines["greeting"] = std::vector<std::string>(100, std::string(300, '\n'));
  card.voice.words = {"clock"};
  card.topics[std::string(9000, 't')] = 1;
  const auto small = profile(card, 8000);
  EXPECT_LE(json::encode(small).size(), 8000U);
  EXPECT_EQ(small.words, std::vector<std::string>{"clock"});
  EXPECT_EQ(small.examples.size(), 3U);
}

}  // namespace
}  // namespace characters::testing
