#include "characters/card.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/line.h"
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

struct EntryMember {
  std::string name;
  std::string comment;
  std::vector<std::string> keys;
  std::vector<std::string> secondary_keys;
  std::string content;
  std::string position;
  bool enabled = true;
  bool constant = false;
  bool selective = false;
  bool use_regex = false;
  bool case_sensitive = false;
  double insertion_order = 0;
  std::optional<double> priority;

  static void fields(auto& self, auto&& visit) {
    const Field keys{.bytes_max = 512, .items_max = 256, .defaulted = true};
    const Field defaulted{.defaulted = true};
    visit("name", self.name, Field{.bytes_max = 1024, .defaulted = true});
    visit("comment", self.comment, Field{.bytes_max = 16 * 1024, .defaulted = true});
    visit("keys", self.keys, keys);
    visit("secondary_keys", self.secondary_keys, keys);
    visit("content", self.content, Field{.bytes_max = 64 * 1024});
    visit("position", self.position, Field{.bytes_max = 64, .defaulted = true});
    visit("enabled", self.enabled, defaulted);
    visit("constant", self.constant, defaulted);
    visit("selective", self.selective, defaulted);
    visit("use_regex", self.use_regex, defaulted);
    visit("case_sensitive", self.case_sensitive, defaulted);
    visit("insertion_order", self.insertion_order, defaulted);
    visit("priority", self.priority);
  }
};

struct BookMember {
  std::optional<double> scan_depth;
  std::optional<double> token_budget;
  bool recursive_scanning = false;
  std::vector<EntryMember> entries;

  static void fields(auto& self, auto&& visit) {
    visit("scan_depth", self.scan_depth, Field{.min = 0, .max = 1e6});
    visit("token_budget", self.token_budget, Field{.min = 0, .max = 1e6});
    visit("recursive_scanning", self.recursive_scanning, Field{.defaulted = true});
    visit("entries", self.entries, Field{.items_max = 1024, .defaulted = true});
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
  std::string nickname;
  std::vector<std::string> alternate_greetings;
  BookMember character_book;
  ExtensionsMember extensions;

  static void fields(auto& self, auto&& visit) {
    const Field text{.bytes_max = 64 * 1024, .defaulted = true};
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 128});
    visit("nickname", self.nickname, Field{.bytes_max = 128, .defaulted = true});
    visit("description", self.description, text);
    visit("personality", self.personality, text);
    visit("scenario", self.scenario, text);
    visit("first_mes", self.first_mes, text);
    visit("mes_example", self.mes_example, text);
    visit("system_prompt", self.system_prompt, text);
    visit("post_history_instructions", self.post_history_instructions,
          Field{.bytes_max = 7 * 1024, .defaulted = true});
    visit("alternate_greetings", self.alternate_greetings, text);
    visit("character_book", self.character_book, Field{.defaulted = true});
    visit("extensions", self.extensions, Field{.defaulted = true});
  }
};

struct CardFile {
  std::string spec;
  std::string spec_version;
  DataMember data;
  static void fields(auto& self, auto&& visit) {
    visit("spec", self.spec);
    visit("spec_version", self.spec_version, Field{.bytes_max = 32, .defaulted = true});
    visit("data", self.data);
  }
};

std::optional<Error> problem_of(const CardFile& file, const std::string& id) {
  const auto& ours = file.data.extensions.troupe;
  const auto invalid = [](std::string_view member, std::string_view text) {
    return Error{Code::InvalidArgument, fmt::format("{}: {}", member, text)};
  };
  if (file.spec != "chara_card_v2" && file.spec != "chara_card_v3") {
    return invalid("spec", "must be chara_card_v2 or chara_card_v3");
  }
  if (trimmed(one_line(file.data.name)).empty()) return invalid("data.name", "is blank");
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

// Names stand in prompts within a line: a second line of one could pass for a heading.
void make_one_line(std::string& text) { text = trimmed(one_line(text)); }
void make_one_line(std::vector<std::string>& texts) {
  for (std::string& text : texts) make_one_line(text);
}

void lower_all(std::vector<std::string>& keys) {
  for (std::string& key : keys) key = ascii_lower(key);
}

LoreEntry entry_of(EntryMember member, std::size_t index) {
  LoreEntry entry;
  entry.name = !member.name.empty()      ? std::move(member.name)
               : !member.comment.empty() ? std::move(member.comment)
                                         : fmt::format("entry {}", index);
  entry.name = utf8_prefix(entry.name, 128);
  entry.keys = std::move(member.keys);
  entry.secondary_keys = std::move(member.secondary_keys);
  entry.content = std::move(member.content);
  entry.enabled = member.enabled;
  entry.constant = member.constant;
  entry.selective = member.selective;
  entry.use_regex = member.use_regex;
  entry.case_sensitive = member.case_sensitive;
  entry.insertion_order = member.insertion_order;
  entry.priority = member.priority.value_or(member.insertion_order);
  if (member.position == "before_char") entry.place = Place::BeforeCharacter;
  read_decorators(entry);
  if (entry.depth) entry.place = Place::End;
  read_regex_keys(entry);
  for (auto* keys :
       {&entry.keys, &entry.secondary_keys, &entry.additional_keys, &entry.exclude_keys}) {
    std::erase_if(*keys, [](const std::string& key) { return key.empty(); });
    if (!entry.case_sensitive) lower_all(*keys);
  }
  return entry;
}

Lorebook book_of(BookMember member) {
  Lorebook book;
  if (member.scan_depth) book.scan_depth = static_cast<int>(*member.scan_depth);
  if (member.token_budget) book.token_budget = static_cast<int>(*member.token_budget);
  book.recursive = member.recursive_scanning;
  for (EntryMember& entry : member.entries) {
    book.entries.push_back(entry_of(std::move(entry), book.entries.size()));
  }
  return book;
}

Card card_of(CardFile file, std::string id) {
  auto& data = file.data;
  auto& ours = data.extensions.troupe;
  Card card;
  card.id = std::move(id);
  card.name = std::move(data.name);
  card.nickname = std::move(data.nickname);
  card.spec = file.spec == "chara_card_v3" ? Spec::V3 : Spec::V2;
  card.spec_version = std::move(file.spec_version);
  card.aliases = std::move(ours.aliases);
  card.color = std::move(ours.color);
  card.description = std::move(data.description);
  card.personality = std::move(data.personality);
  card.scenario = std::move(data.scenario);
  card.first_message = std::move(data.first_mes);
  card.example_dialogue = std::move(data.mes_example);
  card.system_prompt = std::move(data.system_prompt);
  card.post_history = std::move(data.post_history_instructions);
  card.greetings = std::move(data.alternate_greetings);
  card.book = book_of(std::move(data.character_book));
  card.talkativeness = ours.talkativeness;
  card.hallucination_risk = ours.hallucination_risk;
  card.topics = std::move(ours.topics);
  card.voice = std::move(ours.voice.voice);
  card.lines = std::move(ours.lines);
  card.knowledge_file = std::move(ours.knowledge);
  for (auto* text : {&card.name, &card.nickname}) make_one_line(*text);
  for (auto* texts : {&card.aliases, &card.voice.phrases, &card.voice.words}) make_one_line(*texts);
  return card;
}

}  // namespace

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

bool plain_file_name(std::string_view name) {
  return !name.empty() && name.front() != '.' &&
         name.find_first_of("/\\") == std::string_view::npos;
}

Result<Card> parse_card(std::string_view text) {
  if (text.size() > kCardBytesMax) {
    return Error{Code::TooLarge,
                 fmt::format("card of {} bytes exceeds {}", text.size(), kCardBytesMax)};
  }
  CardFile file = TRY(json::decode<CardFile>(text));
  const std::string& written = file.data.extensions.troupe.id;
  std::string id = written.empty() ? id_of_name(file.data.name) : written;
  if (auto problem = problem_of(file, id)) return std::move(*problem);
  const bool own = !written.empty();
  Card card = card_of(std::move(file), std::move(id));
  card.has_own_id = own;
  card.raw = text;
  return card;
}

}  // namespace characters
