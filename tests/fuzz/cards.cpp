#include "base/utf8.h"
#include "characters/card.h"
#include "characters/charx.h"
#include "characters/forms.h"
#include "characters/png.h"
#include "crypto/crypto.h"
#include "fuzz/fuzz.h"

// Cards from anywhere: JSON of both versions, pictures, archives. What is taken can be given back
// in every form and is the same card.
namespace {

constexpr std::size_t kCardMax = characters::kCardBytesMax;

const std::string kCard =
    R"({"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Ann","description":"d",)"
    R"("personality":"p","scenario":"","first_mes":"hi","mes_example":"<START>","creator_notes":"",)"
    R"("system_prompt":"","post_history_instructions":"","alternate_greetings":["yo"],"tags":[],)"
    R"("creator":"","character_version":"1","extensions":{"troupe":{"id":"ann"}},)"
    R"("character_book":{"entries":[{"keys":["dog"],"content":"It barks.","extensions":{},)"
    R"("enabled":true,"insertion_order":1}],"extensions":{}}}})";

const std::string kThird =
    R"({"spec":"chara_card_v3","spec_version":"3.0","data":{"name":"Bob","nickname":"B",)"
    R"("description":"@@depth 4","personality":"","scenario":"","first_mes":"","mes_example":"",)"
    R"("creator_notes":"","system_prompt":"","post_history_instructions":"","alternate_greetings":[],)"
    R"("group_only_greetings":[],"tags":[],"creator":"","character_version":"","extensions":{},)"
    R"("assets":[{"type":"icon","uri":"ccdefault:","name":"main","ext":"png"}]}})";

const std::string kPersona =
    R"({"name":"Cleo","personality":"calm","description":"x","greeting":"hello","tone":"dry"})";

template <class T>
std::string or_nothing(Result<T> result) {
  return result ? std::move(result).value() : std::string();
}

std::uint32_t crc(std::string_view bytes) {
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const char c : bytes) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~sum;
}

// The checksums of a mutated picture made right, so that more than checksums is tested.
std::string mended(std::string png) {
  for (std::size_t at = 8; at + 12 <= png.size();) {
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(png[at + i]);
    if (size > png.size() - at - 12) break;
    const std::uint32_t sum = crc(std::string_view(png).substr(at + 4, size + 4));
    for (std::size_t i = 0; i < 4; ++i) {
      png[at + 8 + size + i] = static_cast<char>(sum >> (24 - 8 * i) & 0xFFU);
    }
    at += size + 12;
  }
  return png;
}

void check_refusal(const Error& error) {
  fuzz::require(error.code == Code::InvalidArgument || error.code == Code::TooLarge,
                "a refusal says that the input is wrong");
  fuzz::require(!error.message.empty() && utf8_valid(error.message), "and can be shown");
}

void check_card(std::string_view text) {
  const auto card = characters::parse_card(text);
  if (!card) return check_refusal(card.error());
  fuzz::keep();
  fuzz::require(!card.value().name.empty(), "a card has a name");
  for (const auto form : {characters::Form::V2, characters::Form::V3, characters::Form::Png,
                          characters::Form::Charx}) {
    const auto packed = characters::pack(card.value(), form, {});
    // A card just under the limit may be over it with what a form adds.
    if (!packed) {
      check_refusal(packed.error());
      continue;
    }
    const auto unpacked = characters::unpack(packed.value());
    fuzz::require(unpacked.ok(), "what was packed can be unpacked");
    const auto again = characters::parse_card(unpacked.value().card);
    fuzz::require(again.ok(), "and is a card");
    fuzz::require(again.value().name == card.value().name, "of the same name");
  }
}

void check_package(std::string bytes) {
  const auto package = characters::unpack(std::move(bytes));
  if (!package) return check_refusal(package.error());
  fuzz::require(package.value().card.size() <= kCardMax, "no card is over the limit");
  check_card(package.value().card);
}

void check_containers(std::string_view text) {
  const auto png = characters::png_with_card(characters::plain_png("#123456"), text, {});
  fuzz::require(png.ok(), "any text fits a picture");
  if (!text.empty()) {
    fuzz::require(or_nothing(characters::card_in_png(png.value(), kCardMax)) == text,
                  "a text in a picture comes back");
  }
  const auto charx = characters::charx_with_card({}, text);
  if (charx) {
    fuzz::require(or_nothing(characters::card_in_charx(charx.value())) == text,
                  "a text in an archive comes back");
  }
  fuzz::require(or_nothing(crypto::from_base64(crypto::base64(text))) == text,
                "base 64 comes back");
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {.seeds = {kCard, kThird, kPersona,
                    or_nothing(
                        characters::png_with_card(characters::plain_png("#d9a441"), kCard, kThird)),
                    or_nothing(characters::charx_with_card({}, kThird))},
          .words = {"\"data\":",
                    "\"name\":",
                    "\"extensions\":",
                    "\"character_book\":",
                    "\"entries\":",
                    "\"keys\":",
                    "\"spec\":",
                    "chara_card_v3",
                    "chara_card_v2",
                    "null",
                    "[]",
                    "{}",
                    "\"use_regex\":true",
                    "{{char}}",
                    "{{random:a,b}}",
                    "@@depth 0\\n",
                    "tEXt",
                    "IEND",
                    "IHDR",
                    "chara",
                    "ccv3",
                    "PK\x03\x04",
                    "PK\x01\x02",
                    "PK\x05\x06",
                    "card.json",
                    "../",
                    "\xff\xff\xff\xff"},
          .bytes_max = 8192};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_package(std::string(text));
  if (characters::is_png(text)) check_package(mended(std::string(text)));
  check_containers(text);
  return 0;
}
