#include "characters/prompter.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/ids.h"
#include "contracts/prompt_layout.h"
#include "json/codec.h"

namespace characters {
namespace {

namespace layout = contracts::prompt;
using contracts::ChatMessage;
using contracts::Role;

constexpr std::size_t kDodgesMax = 64;
constexpr std::size_t kDodgeBytesMax = 1000;

contracts::Prompt made(const Cast& cast, const Card& card, const Staging& staging,
                       const LoreLimits& limits) {
  contracts::Prompt reply;
  reply.character = card.id;
  reply.name = card.name;
  reply.system = system_prompt(card, cast.others_than(card.id), staging);
  reply.post_history = post_history(card, staging);
  reply.collection = contracts::knowledge_collection(card.id);
  Cues cues = cues_of(card.book, limits);
  reply.by_talk = !cues.known;
  reply.cues = std::move(cues.keys);
  reply.cue_lines = cues.lines;
  for (const Fired& fired : staging.lore) {
    if (!fired.dropped) reply.lore.push_back(fired.text);
  }
  if (const auto dodges = card.lines.find("dodge"); dodges != card.lines.end()) {
    for (const std::string& line : dodges->second) {
      std::string text = filled(line, card.scene(staging.seed, staging.user));
      if (text.size() <= kDodgeBytesMax && reply.dodges.size() < kDodgesMax) {
        reply.dodges.push_back(std::move(text));
      }
    }
  }
  return reply;
}

// All that a prompt depends on beside the cast. Lengths stand before texts: no two have the same.
std::string basis(const Cast& cast, const Staging& staging) {
  std::string text = fmt::format("{:x} {} {}:{}", cast.fingerprint, staging.seed,
                                 staging.user.size(), staging.user);
  for (const Fired& fired : staging.lore) {
    fmt::format_to(std::back_inserter(text), " {} {}:", fired.dropped, fired.text.size());
    text += fired.text;
  }
  return text;
}

std::string knowledge_section(const std::vector<contracts::Knowledge>& knowledge) {
  if (knowledge.empty()) return {};
  std::string section = fmt::format("\n\n{}\n{}", layout::kKnowledge, layout::kKnowledgeNote);
  int number = 1;
  for (const auto& known : knowledge) {
    section +=
        fmt::format("\n{}{}: {}\n{}\n{}", layout::kFenceOpen, number++, without_fences(known.title),
                    without_fences(known.text), layout::kFenceClose);
  }
  return section;
}

ChatMessage message_of(const Cast& cast, const contracts::Line& line, std::string_view character) {
  const bool bot = line.kind == contracts::Kind::Bot;
  if (bot && line.author == character) return {Role::Assistant, line.text};
  const Member* author = bot ? cast.find(line.author) : nullptr;
  return {Role::User,
          fmt::format("{}: {}", author == nullptr ? line.author : author->card.name, line.text)};
}

}  // namespace

Staging Prompter::staging(const Card& card, const contracts::PromptRequest& request) const {
  Staging staging;
  staging.seed = static_cast<std::uint64_t>(request.seed);
  if (!request.user.empty()) staging.user = request.user;
  staging.lore = fired(card.book, request.talk, card.id, card.scene(staging.seed, staging.user),
                       options_.lore);
  return staging;
}

contracts::Prompt Prompter::cached(const Cast& cast, const Card& card,
                                   const Staging& staging) const {
  // The entry begins with its basis: a hash alone could be met by chance.
  const std::string what = basis(cast, staging);
  const std::string key = fmt::format("char_config:{}:{}", card.id, hex64(hash64(what)));
  if (const auto kept = cache::fetch_and_wait(cache_, key); kept && kept->starts_with(what)) {
    auto prompt = json::decode<contracts::Prompt>(std::string_view(*kept).substr(what.size()));
    if (prompt) return std::move(prompt).value();
  }
  contracts::Prompt prompt = made(cast, card, staging, options_.lore);
  cache_.put(key, what + json::encode(prompt), options_.ttl);
  return prompt;
}

Result<contracts::Prompt> Prompter::prompt(const Cast& cast,
                                           const contracts::PromptRequest& request) const {
  const Member* member = cast.find(request.character);
  if (member == nullptr) return no_character(request.character);
  return cached(cast, member->card, staging(member->card, request));
}

Result<contracts::Preview> Prompter::preview(const Cast& cast,
                                             const contracts::PreviewRequest& request) const {
  const Member* member = cast.find(request.character);
  if (member == nullptr) return no_character(request.character);
  const Card& card = member->card;
  const Staging staged =
      staging(card, {request.character, request.seed, request.talk, request.user});
  const contracts::Prompt prompt = cached(cast, card, staged);
  contracts::Preview reply;
  reply.character = card.id;
  std::string system = prompt.system + knowledge_section(request.knowledge);
  if (!prompt.post_history.empty()) system += "\n\n" + prompt.post_history;
  reply.messages.push_back({Role::System, std::move(system)});
  for (const auto& line : request.talk) {
    reply.messages.push_back(message_of(cast, line, card.id));
  }
  for (const ChatMessage& message : reply.messages) {
    reply.tokens += static_cast<int>(estimated_tokens(message.content));
  }
  for (const Fired& fired : staged.lore) {
    reply.lore.push_back(
        {fired.entry->name, fired.why, fired.dropped, static_cast<int>(fired.tokens)});
  }
  return reply;
}

}  // namespace characters
