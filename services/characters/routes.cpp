#include "characters/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "characters/prompt.h"

namespace characters {
namespace {

using contracts::CharacterList;
using contracts::Empty;
using contracts::Prompt;
using contracts::PromptRequest;

Error no_character(std::string_view id) {
  return Error{Code::NotFound, fmt::format("no character {}", id)};
}

CharacterList list(const Cast& cast) {
  CharacterList reply;
  for (const auto& [id, member] : cast.members) reply.characters.push_back(profile(member->card));
  return reply;
}

Result<Prompt> prompt(const Cast& cast, const PromptRequest& request) {
  const Member* member = cast.find(request.character);
  if (member == nullptr) return no_character(request.character);
  const Card& card = member->card;
  Prompt reply;
  reply.character = card.id;
  reply.name = card.name;
  reply.system =
      system_prompt(card, cast.others_than(card.id), static_cast<std::uint64_t>(request.seed));
  reply.post_history = card.post_history;
  reply.collection = contracts::knowledge_collection(card.id);
  if (const auto dodges = card.lines.find("dodge"); dodges != card.lines.end()) {
    reply.dodges.assign(dodges->second.begin(),
                        dodges->second.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                                     64, dodges->second.size())));
  }
  return reply;
}

}  // namespace

contracts::Character profile(const Card& card) {
  constexpr std::size_t kExamplesMax = 512;
  contracts::Character result;
  result.id = card.id;
  result.name = card.name;
  result.aliases = card.aliases;
  result.color = card.color;
  result.talkativeness = card.talkativeness;
  result.hallucination_risk = card.hallucination_risk;
  result.topics = card.topics;
  result.phrases = card.voice.phrases;
  result.words = card.voice.words;
  result.sentence_words_min = card.voice.sentence_words_min;
  result.sentence_words_max = card.voice.sentence_words_max;
  result.exclaim = card.voice.exclaim;
  result.question = card.voice.question;
  for (const auto& [situation, lines] : card.lines) {
    for (const auto& line : lines) {
      // Templates are no lines that anybody says.
      const bool whole = line.find('{') == std::string::npos;
      if (whole && result.examples.size() < kExamplesMax) result.examples.push_back(line);
    }
  }
  return result;
}

void install_routes(runtime::Doors& doors, const Library& library) {
  doors.quick_method<Empty, CharacterList>(
      "characters.list", runtime::Get("/characters"),
      [&](const Empty&) -> Result<CharacterList> { return list(*library.cast()); });
  doors.quick_method<PromptRequest, Prompt>(
      "characters.prompt", runtime::Post("/prompt"),
      [&](const PromptRequest& request) { return prompt(*library.cast(), request); });
  // The card as its file is, for other programs that read Character Card V2.
  doors.http(http::Method::Get, "/characters/{id}/card",
             [&](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
               const auto cast = library.cast();
               const auto& id = request.params.at("id");
               const Member* member = cast->find(id);
               reply->respond(member == nullptr ? http::Response::error(no_character(id))
                                                : http::Response::json(member->card.raw));
             });
}

}  // namespace characters
