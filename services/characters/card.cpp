#include "characters/card.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "json/codec.h"

namespace characters {
namespace {

// The card file as it is written; Card is what the service works with.
struct VoiceMember {
  Voice voice;

  static void fields(auto& self, auto&& visit) {
    auto& voice = self.voice;
    visit("phrases", voice.phrases, Field{.bytes_max = 200, .items_max = 128, .defaulted = true});
    visit("words", voice.words, Field{.bytes_max = 64, .items_max = 512, .defaulted = true});
    visit("sentence_words_min", voice.sentence_words_min,
          Field{.min = 1, .max = 100, .defaulted = true});
    visit("sentence_words_max", voice.sentence_words_max,
          Field{.min = 1, .max = 200, .defaulted = true});
    visit("exclaim", voice.exclaim, Field{.min = 0, .max = 1, .defaulted = true});
    visit("question", voice.question, Field{.min = 0, .max = 1, .defaulted = true});
  }
};

struct TroupeMember {
  std::string id;
  std::vector<std::string> aliases;
  std::string color = "#888888";
  double talkativeness = 0.5;
  double hallucination_risk = 0.5;
  std::map<std::string, double> topics;
  VoiceMember voice;
  Lines lines;
  std::string knowledge;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_max = kCharacterIdBytes, .defaulted = true});
    visit("aliases", self.aliases, Field{.bytes_max = 64, .items_max = 32, .defaulted = true});
    visit("color", self.color, Field{.bytes_max = 16, .defaulted = true});
    visit("talkativeness", self.talkativeness, Field{.min = 0, .max = 1, .defaulted = true});
    visit("hallucination_risk", self.hallucination_risk,
          Field{.min = 0, .max = 1, .defaulted = true});
    visit("topics", self.topics, Field{.items_max = 256, .min = 0, .max = 1, .defaulted = true});
    visit("voice", self.voice, Field{.defaulted = true});
    visit("lines", self.lines, Field{.bytes_max = 1000, .items_max = 256, .defaulted = true});
    visit("knowledge", self.knowledge, Field{.bytes_max = 128, .defaulted = true});
  }
};

struct ExtensionsMember {
  TroupeMember troupe;
  static void fields(auto& self, auto&& visit) {
    visit("troupe", self.troupe, Field{.defaulted = true});
  }
};

struct DataMember {
  std::string name;
  std::string description;
  std::string personality;
  std::string scenario;
  std::string first_mes;
  std::string mes_example;
  std::string system_prompt;
  std::string post_history_instructions;
  std::vector<std::string> alternate_greetings;
  ExtensionsMember extensions;

  static void fields(auto& self, auto&& visit) {
    const Field text{.bytes_max = 16 * 1024, .defaulted = true};
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 128});
    visit("description", self.description, text);
    visit("personality", self.personality, text);
    visit("scenario", self.scenario, text);
    visit("first_mes", self.first_mes, text);
    visit("mes_example", self.mes_example, text);
    visit("system_prompt", self.system_prompt, text);
    visit("post_history_instructions", self.post_history_instructions,
          Field{.bytes_max = 7 * 1024, .defaulted = true});
    visit("alternate_greetings", self.alternate_greetings, text);
    visit("extensions", self.extensions, Field{.defaulted = true});
  }
};

struct CardFile {
  std::string spec;
  DataMember data;
  static void fields(auto& self, auto&& visit) {
    visit("spec", self.spec);
    visit("data", self.data);
  }
};

// "Captain O'Neill" -> "captain-o-neill".
std::string id_of_name(std::string_view name) {
  std::string id;
  for (const char c : ascii_lower(name)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain) id += c;
    if (!plain && !id.empty() && id.back() != '-') id += '-';
  }
  if (!id.empty() && id.back() == '-') id.pop_back();
  return id.substr(0, kCharacterIdBytes);
}

// The knowledge file lies beside the card: a path could lead anywhere.
bool plain_file_name(std::string_view name) {
  return !name.empty() && name.front() != '.' &&
         name.find_first_of("/\\") == std::string_view::npos;
}

std::optional<Error> problem_of(const CardFile& file, const std::string& id) {
  const auto& ours = file.data.extensions.troupe;
  const auto invalid = [](std::string_view member, std::string_view text) {
    return Error{Code::InvalidArgument, fmt::format("{}: {}", member, text)};
  };
  if (file.spec != "chara_card_v2") return invalid("spec", "must be chara_card_v2");
  if (!valid_id(id)) {
    return invalid("data.extensions.troupe.id", "must be made of A-Z a-z 0-9 _ - . :");
  }
  if (!ours.knowledge.empty() && !plain_file_name(ours.knowledge)) {
    return invalid("data.extensions.troupe.knowledge",
                   "must be the name of a file beside the card");
  }
  if (ours.voice.voice.sentence_words_min > ours.voice.voice.sentence_words_max) {
    return invalid("data.extensions.troupe.voice.sentence_words_min", "is above the maximum");
  }
  return std::nullopt;
}

// `text` with every `macro` (any case, as other programs write them) replaced.
std::string replaced(std::string text, std::string_view macro, std::string_view with) {
  std::string lower = ascii_lower(text);
  for (auto at = lower.find(macro); at != std::string::npos; at = lower.find(macro, at)) {
    text.replace(at, macro.size(), with);
    lower.replace(at, macro.size(), with);
    at += with.size();
  }
  return text;
}

Card card_of(CardFile file, std::string id) {
  auto& data = file.data;
  auto& ours = data.extensions.troupe;
  const auto filled = [&](std::string text) {
    return replaced(replaced(std::move(text), "{{char}}", data.name), "{{user}}", "Visitor");
  };
  Card card;
  card.id = std::move(id);
  card.name = data.name;
  card.aliases = std::move(ours.aliases);
  card.color = std::move(ours.color);
  card.description = filled(std::move(data.description));
  card.personality = filled(std::move(data.personality));
  card.scenario = filled(std::move(data.scenario));
  card.first_message = filled(std::move(data.first_mes));
  card.example_dialogue = filled(std::move(data.mes_example));
  // {{original}} stands for the rules of the host program, which prompt.cpp always adds.
  card.system_prompt = replaced(filled(std::move(data.system_prompt)), "{{original}}", "");
  card.post_history =
      replaced(filled(std::move(data.post_history_instructions)), "{{original}}", "");
  for (auto& greeting : data.alternate_greetings) {
    card.greetings.push_back(filled(std::move(greeting)));
  }
  card.talkativeness = ours.talkativeness;
  card.hallucination_risk = ours.hallucination_risk;
  card.topics = std::move(ours.topics);
  card.voice = std::move(ours.voice.voice);
  for (auto& [situation, lines] : ours.lines) {
    for (auto& line : lines) card.lines[situation].push_back(filled(std::move(line)));
  }
  card.knowledge_file = std::move(ours.knowledge);
  return card;
}

}  // namespace

Result<Card> parse_card(std::string_view text) {
  if (text.size() > kCardBytesMax) {
    return Error{Code::TooLarge,
                 fmt::format("card of {} bytes exceeds {}", text.size(), kCardBytesMax)};
  }
  CardFile file = TRY(json::decode<CardFile>(text));
  const std::string& written = file.data.extensions.troupe.id;
  std::string id = written.empty() ? id_of_name(file.data.name) : written;
  if (auto problem = problem_of(file, id)) return std::move(*problem);
  Card card = card_of(std::move(file), std::move(id));
  card.raw = text;
  return card;
}

}  // namespace characters
