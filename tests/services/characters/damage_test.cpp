// Whatever arrives, reading it ends with a card or a reason. Each loop damages sound cards of one
// form in thousands of ways; the long form of the tests has more.

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/ids.h"
#include "base/utf8.h"
#include "characters/charx.h"
#include "characters/forms.h"
#include "characters/lint.h"
#include "characters/png.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

int rounds() {
  const char* form = std::getenv("TROUPE_TEST_FORM");
  return form != nullptr && std::string_view(form) == "long" ? 100'000 : 3000;
}

std::string small_card() {
  return R"({"spec":"chara_card_v3","spec_version":"3.0","data":{"name":"Ada","description":)"
         R"("{{char}} {{random:a,b}}","character_book":{"recursive_scanning":true,"entries":[)"
         R"({"keys":["a"],"content":"@@depth 2\n{{user}}","constant":true},)"
         R"({"keys":["/a|b/i"],"content":"a","use_regex":true}]}}})";
}

// A bit flipped, bytes cut out, doubled or replaced, or the end cut off.
std::string damaged(std::string bytes, Random& random) {
  for (std::uint64_t times = 1 + random.below(4); times > 0 && !bytes.empty(); --times) {
    const std::size_t at = random.below(bytes.size());
    const std::size_t some = random.below(16);
    switch (random.below(5)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
        break;
      case 1:
        bytes.erase(at, some);
        break;
      case 2:
        bytes.insert(at, bytes.substr(random.below(bytes.size()), some));
        break;
      case 3:
        bytes[at] = static_cast<char>(random.below(256));
        break;
      default:
        if (random.below(4) == 0) bytes.resize(at);
    }
  }
  return bytes;
}

// Reads as an import does, and uses what came of it in every way.
bool survives(const std::string& bytes) {
  const auto package = unpack(bytes);
  if (!package) return utf8_valid(package.error().message) && !package.error().message.empty();
  const auto card = parse_card(package.value().card);
  if (!card) return utf8_valid(card.error().message) && !card.error().message.empty();
  lint(card.value(), {});
  fired(card.value().book, std::vector{line("v", "a b")}, "ada", card.value().scene());
  for (const Form form : {Form::V2, Form::V3, Form::Png, Form::Charx}) {
    const bool came_so = form == package.value().form;
    const auto packed = pack(card.value(), form, came_so ? package.value().carrier : "");
    if (!packed) return false;
    if (!unpack(packed.value())) return false;
  }
  return true;
}

void damage(const std::string& sound, std::uint64_t seed) {
  ASSERT_TRUE(survives(sound));
  Random random(seed);
  for (int i = 0; i < rounds(); ++i) {
    const std::string bytes = damaged(sound, random);
    ASSERT_TRUE(survives(bytes)) << "round " << i << " of seed " << seed;
  }
}

TEST(Damage, OfJsonEndsWithAReason) { damage(small_card(), 1); }

TEST(Damage, OfAPictureEndsWithAReason) {
  damage(png_with_card(plain_png(""), "", small_card()).value(), 2);
}

TEST(Damage, OfAnArchiveEndsWithAReason) { damage(charx_with_card("", small_card()).value(), 3); }

// Behind checksums that are right again, the parsers inside see the damage.
TEST(Damage, OfTheCardInAPictureEndsWithAReason) {
  Random random(4);
  for (int i = 0; i < rounds(); ++i) {
    const auto png = png_with_card(plain_png(""), damaged(small_card(), random), "");
    ASSERT_TRUE(survives(png.value())) << i;
  }
}

TEST(Damage, OfTheCardInAnArchiveEndsWithAReason) {
  Random random(5);
  for (int i = 0; i < rounds(); ++i) {
    const auto archive = charx_with_card("", damaged(small_card(), random));
    ASSERT_TRUE(survives(archive.value())) << i;
  }
}

}  // namespace
}  // namespace characters::testing
