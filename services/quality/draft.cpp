#include "quality/draft.h"

#include <algorithm>

#include "base/utf8.h"
#include "lexical/sentences.h"

namespace quality {
namespace {

// Cut before it is repaired: each bad byte grows to three.
std::string readable(std::string_view line) {
  if (utf8_valid(line)) return std::string(utf8_prefix(line, Draft::kLineBytes));
  return utf8_repaired(line.substr(0, Draft::kLineBytes));
}

std::size_t count_code_points(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0xC0U) != 0x80U;
  }));
}

void insert_all(HashSet& set, const std::vector<std::uint64_t>& stems) {
  set.reserve(stems.size());
  for (const std::uint64_t stem : stems) set.insert(stem);
}

}  // namespace

Draft::Draft(const contracts::AssessRequest& request, const Cast& cast_in,
             const Profile& speaker_in, Readings& readings)
    : kind(request.kind),
      cast(cast_in),
      speaker(speaker_in),
      line(readable(request.line)),
      code_points(count_code_points(request.line)),
      text(read_text(line)),
      sentences(lexical::sentences(line)),
      stems(distinct_stems(text)),
      content(content_stems(text)) {
  read_context(request, readings);
  read_knowledge(request, readings);
  HashSet brought_up;
  for (const std::uint64_t stem : asked) brought_up.insert(stem);
  for (const std::uint64_t stem : content) {
    if (knowledge.contains(stem)) brought_up.insert(stem);
  }
  voice = cast.voices().listen(text, sentences, brought_up);
}

void Draft::read_context(const contracts::AssessRequest& request, Readings& readings) {
  const std::size_t first =
      request.context.size() - std::min(request.context.size(), kContextLines);
  constexpr std::size_t kStemsOfALine = 12;
  context.reserve(request.context.size() - first);
  conversation.reserve((request.context.size() - first) * kStemsOfALine);
  for (std::size_t i = first; i < request.context.size(); ++i) {
    const contracts::ContextLine& said = request.context[i];
    const Text author = read_text(said.author);
    const std::uint64_t called = author.words.empty() ? 0 : author.words.front().hash;
    context.push_back({&said, cast.called(said.author), readings.of(said.text), called});
    insert_all(conversation, context.back().reading->stems);
    conversation.insert_stems(author);
    if (i + 3 >= request.context.size()) insert_all(recent, context.back().reading->stems);
    if (context.back().speaker != &speaker) answered_ = i - first;
  }
  if (const Said* said = answered()) {
    asked = said->reading->content;
    answers_question = said->text().raw.find('?') != std::string_view::npos;
  }
}

void Draft::read_knowledge(const contracts::AssessRequest& request, Readings& readings) {
  HashSet topics;
  for (const std::uint64_t stem : asked) {
    if (!cast.name_stems().contains(stem)) topics.insert(stem);
  }
  std::size_t left = kKnowledgeBytes;
  for (const std::string& known : request.knowledge) {
    const std::string_view part = std::string_view(known).substr(0, left);
    left -= part.size();
    passages.push_back(readings.of(part));
    const Reading& passage = *passages.back();
    insert_all(knowledge, passage.stems);
    const bool asked_for = std::any_of(passage.content.begin(), passage.content.end(),
                                       [&](std::uint64_t stem) { return topics.contains(stem); });
    if (asked_for) insert_all(topical, passage.stems);
  }
}

bool Draft::supported(std::uint64_t stem) const {
  return knowledge.contains(stem) || conversation.contains(stem) ||
         speaker.vocabulary.contains(stem) || cast.name_stems().contains(stem);
}

}  // namespace quality
