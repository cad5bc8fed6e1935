#include "contracts/all.h"
#include "fuzz/fuzz.h"
#include "json/codec.h"
#include "messaging/envelope.h"

// Every message and the RPC envelope: what is decoded is encoded to something that decodes to the
// same; what is refused is refused in words; texts of URLs are read like JSON.
namespace {

template <class T>
void check(json::Value value) {
  const auto message = json::decode<T>(value);
  if (!message) {
    fuzz::require(message.error().code == Code::InvalidArgument, "a refusal is InvalidArgument");
    fuzz::require(!message.error().message.empty(), "a refusal has words");
    return;
  }
  const std::string encoded = json::encode(message.value());
  const auto again = json::decode<T>(std::string_view(encoded));
  fuzz::require(again.ok(), "what was encoded can be decoded");
  fuzz::require(json::encode(again.value()) == encoded, "encoding is stable");
}

template <class T>
std::string default_of() {
  return json::encode(T{});
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  Corpus corpus{
      .words = {"null", "true", "[]", "{}", "[{}]", "-1", "1e400", "\"human\"", "\"direct\"",
                "\"\\u0000\"", ",", "9223372036854775807", "\"a\":", "\"error\"", "\"taken\""},
      .bytes_max = 8192};
  contracts::AllMessages::each([&]<class T>(std::type_identity<T>) {
    corpus.seeds.push_back(default_of<T>());
    T shape{};
    T::fields(shape, [&](std::string_view name, auto&, const Field& = {}) {
      corpus.words.push_back(json::quoted(name) + ":");
    });
  });
  for (const auto type : {messaging::Type::Call, messaging::Type::Error, messaging::Type::Taken}) {
    corpus.seeds.push_back(json::encode(messaging::Envelope{.type = type, .id = 7}));
  }
  corpus.seeds.emplace_back(
      R"({"channel":"c","author":"v","message":"hi","character":"peter","kind":"organic"})");
  corpus.seeds.emplace_back(
      R"({"turn_id":"t","scores":{"peter":{"total":1.5}},"attempts":[{"number":1}]})");
  return corpus;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto document = json::Document::parse(text);
  if (!document) return 0;
  fuzz::keep();
  const json::Value root = document.value().root();
  contracts::AllMessages::each([&]<class T>(std::type_identity<T>) { check<T>(root); });
  check<messaging::Envelope>(root);

  std::map<std::string, std::string> texts;
  root.each_member([&](std::string_view key, json::Value value) {
    texts.emplace(key, value.is(json::Kind::String) ? std::string(value.string()) : value.dump());
  });
  const auto query = json::decode_texts<contracts::TurnsQuery>(texts);
  if (query) fuzz::require(query.value().limit >= 1 && query.value().limit <= 200, "limits hold");
  return 0;
}
