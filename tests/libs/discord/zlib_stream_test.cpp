#include "discord/zlib_stream.h"

#include <gtest/gtest.h>

#include "base/ids.h"

namespace discord {
namespace {

TEST(ZlibStream, CarriesManyMessagesInOneStream) {
  Deflater deflater;
  Inflater inflater;
  Random random(1);
  for (std::size_t size : {0U, 1U, 100U, 16'000U, 16'384U, 70'000U, 500'000U}) {
    std::string message;
    while (message.size() < size) message += static_cast<char>('a' + random.below(26));
    const auto back = inflater.feed(deflater.push(message));
    ASSERT_TRUE(back.ok()) << back.error().message;
    ASSERT_TRUE(back.value().has_value());
    EXPECT_TRUE(*back.value() == message) << size;
  }
}

TEST(ZlibStream, ASecondMessageLikeTheFirstIsSmall) {
  Deflater deflater;
  std::string message;
  for (int i = 0; i < 200; ++i) message += make_id("x");
  deflater.push(message);
  EXPECT_LT(deflater.push(message).size(), message.size() / 5);
}

TEST(ZlibStream, WaitsForAMessageThatComesInPieces) {
  Deflater deflater;
  Inflater inflater;
  const std::string bytes = deflater.push("hello there");
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    const auto part = inflater.feed(bytes.substr(i, 1));
    ASSERT_TRUE(part.ok());
    EXPECT_FALSE(part.value().has_value());
  }
  const auto whole = inflater.feed(bytes.substr(bytes.size() - 1));
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole.value(), "hello there");
}

TEST(ZlibStream, RefusesABomb) {
  Deflater deflater;
  Inflater inflater(100'000);
  const std::string bomb = deflater.push(std::string(10'000'000, 'x'));
  ASSERT_LT(bomb.size(), 100'000U);
  const auto outcome = inflater.feed(bomb);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, Code::TooLarge);
  EXPECT_FALSE(inflater.feed(Deflater().push("x")).ok()) << "a broken stream stays broken";
}

TEST(ZlibStream, RefusesToGatherForEver) {
  Inflater inflater(1000);
  EXPECT_TRUE(inflater.feed(std::string(1000, 'x')).ok());
  EXPECT_EQ(inflater.feed("x").error().code, Code::TooLarge);
}

TEST(ZlibStream, RefusesWhatIsNoZlib) {
  Inflater inflater;
  const auto outcome = inflater.feed(std::string("garbage\x00\x00\xff\xff", 11));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, Code::DataLoss);
}

}  // namespace
}  // namespace discord
