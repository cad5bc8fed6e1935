#include "services/quality/stage.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "json/json.h"

namespace quality::test {
namespace {

json::Document card(const std::string& id) {
  std::ifstream file(std::string(TROUPE_CAST_DIR) + "/" + id + ".json");
  std::stringstream text;
  text << file.rdbuf();
  auto document = json::Document::parse(text.str());
  if (!document) throw std::runtime_error(id + ".json: " + document.error().message);
  return std::move(document).value();
}

json::Value troupe_part(const json::Document& document) {
  return *document.root().find("data")->find("extensions")->find("troupe");
}

std::vector<std::string> strings(json::Value list) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < list.size(); ++i) all.emplace_back(list.at(i).string());
  return all;
}

// A template line as it may be said: with a topic and a fact in their places.
std::string filled(std::string line) {
  for (const auto& [mark, text] :
       {std::pair<std::string_view, std::string_view>{"{topic}", "pizza"},
        {"{fact}", "I eat pizza every Friday with double cheese."}}) {
    const std::size_t at = line.find(mark);
    if (at != std::string::npos) line.replace(at, mark.size(), text);
  }
  return line;
}

}  // namespace

std::vector<ShippedLine> shipped_lines() {
  std::vector<ShippedLine> all;
  for (const std::string id : {"peter", "brian", "stewie"}) {
    const json::Document document = card(id);
    troupe_part(document).find("lines")->each_member(
        [&](std::string_view situation, json::Value list) {
          for (auto& line : strings(list)) {
            all.push_back({id, std::string(situation), filled(std::move(line))});
          }
        });
  }
  return all;
}

std::vector<contracts::Character> shipped_cast() {
  std::vector<contracts::Character> cast;
  for (const std::string id : {"peter", "brian", "stewie"}) {
    const json::Document document = card(id);
    const json::Value troupe = troupe_part(document);
    const json::Value voice = *troupe.find("voice");
    contracts::Character character;
    character.id = id;
    character.name = document.root().find("data")->text_or("name", id);
    character.aliases = strings(*troupe.find("aliases"));
    character.hallucination_risk = troupe.number_or("hallucination_risk", 0.5);
    troupe.find("topics")->each_member([&](std::string_view topic, json::Value value) {
      character.topics.emplace(topic, value.number());
    });
    character.phrases = strings(*voice.find("phrases"));
    character.words = strings(*voice.find("words"));
    character.sentence_words_min = static_cast<int>(voice.number_or("sentence_words_min", 3));
    character.sentence_words_max = static_cast<int>(voice.number_or("sentence_words_max", 20));
    character.exclaim = voice.number_or("exclaim", 0.2);
    character.question = voice.number_or("question", 0.2);
    troupe.find("lines")->each_member([&](std::string_view, json::Value list) {
      for (auto& line : strings(list)) {
        if (line.find('{') == std::string::npos) character.examples.push_back(std::move(line));
      }
    });
    cast.push_back(std::move(character));
  }
  return cast;
}

std::vector<contracts::ContextLine> said(const std::vector<std::string>& lines) {
  std::vector<contracts::ContextLine> all;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) {
      all.push_back({"somebody", line});
    } else {
      all.push_back({line.substr(0, colon), line.substr(colon + 2)});
    }
  }
  return all;
}

contracts::AssessRequest draft(std::string character, std::string line,
                               const std::vector<std::string>& context,
                               std::vector<std::string> knowledge) {
  contracts::AssessRequest request;
  request.character = std::move(character);
  request.line = std::move(line);
  request.context = said(context);
  request.knowledge = std::move(knowledge);
  request.message_count = 30;
  return request;
}

std::optional<contracts::Finding> found(const contracts::Assessment& assessment,
                                        contracts::FindingCode code) {
  for (const auto& finding : assessment.findings) {
    if (finding.code == code) return finding;
  }
  return std::nullopt;
}

}  // namespace quality::test
