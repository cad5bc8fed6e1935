#include "quality/cast_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.h"
#include "json/codec.h"

namespace quality::test {
namespace {

// A run directory of its own, gone with the test.
class RunFolder {
 public:
  RunFolder() : path_(std::filesystem::temp_directory_path() / make_id("q")) {
    std::filesystem::create_directories(path_);
  }
  ~RunFolder() { std::filesystem::remove_all(path_); }
  std::unique_ptr<messaging::Node> node(const std::string& service) const {
    auto node = messaging::Node::open({.service = service, .run_dir = path_.string()});
    return node ? std::move(node).value() : nullptr;
  }

 private:
  std::filesystem::path path_;
};

contracts::CharacterList list_of(const std::string& id) {
  contracts::Character character;
  character.id = character.name = id;
  return {{character}};
}

// Waits until the source shows a cast with `id`; the test's own time-out ends a wait in vain.
void await(const CastSource& source, const std::string& id) {
  for (;;) {
    const auto cast = source.cast();
    if (cast != nullptr && cast->find(id) != nullptr) return;
    std::this_thread::yield();
  }
}

TEST(CastSource, ShowsNothingWhileTheCharactersAreAway) {
  const RunFolder run;
  const auto own = run.node("quality");
  ASSERT_TRUE(own);
  const CastSource source({*own, "characters"}, Milliseconds(10'000));
  EXPECT_EQ(source.cast(), nullptr);
}

TEST(CastSource, AsksAgainAndKeepsTheCastWhenTheCharactersGo) {
  const RunFolder run;
  const auto own = run.node("quality");
  auto characters = run.node("characters");
  ASSERT_TRUE(own && characters);
  std::atomic<int> asked = 0;
  characters->serve("characters.list", [&](const std::shared_ptr<messaging::Incoming>& incoming) {
    incoming->reply(json::encode(list_of(asked++ == 0 ? "ada" : "bob")));
  });
  ASSERT_TRUE(characters->bind("").ok());
  const CastSource source({*own, "characters"}, Milliseconds(20));
  await(source, "bob");
  EXPECT_GE(asked, 2);
  characters.reset();
  EXPECT_NE(source.cast()->find("bob"), nullptr);
}

}  // namespace
}  // namespace quality::test
