#include <algorithm>

#include "hub/forms.h"
#include "hub/routes.h"

// Messages: posting, history, edits, typing, read marks and search.
namespace hub {
namespace {

namespace permission = discord::permission;
namespace intent = discord::intent;

// Whether the caller reads what people wrote: of bots only those that may have the intent.
bool reads_content(const World& world, const Exchange& call) {
  if (!call.user->bot) return true;
  const auto given = call.request.headers.get("Authorization");
  const auto identity = given ? world.identify(*given) : std::nullopt;
  return identity && (identity->intents_allowed & intent::kMessageContent) != 0;
}

std::vector<std::string> shown(const std::vector<Said>& messages, bool content, Snowflake reader,
                               bool direct) {
  std::vector<std::string> all;
  for (const Said& said : messages) {
    const bool whole = content || direct || reads_always(said.form, text_of(reader));
    all.push_back(whole ? said.json : redacted_json(said.json));
  }
  return all;
}

void answer_said(const Call& call, const Outcome<Said>& said) {
  if (!said) return call->refuse(said.why);
  call->answer(said->json);
}

void history(const Stage& stage, const Call& call, Snowflake only) {
  const Channel* const channel = stage.channel(call, permission::kReadMessageHistory);
  if (channel == nullptr) return;
  Wanted wanted;
  wanted.reader = call->user->id;
  wanted.channels = {channel->id};
  wanted.only = only;
  for (const auto& [name, id] : {std::pair{"before", &wanted.before},
                                 {"after", &wanted.after},
                                 {"around", &wanted.around}}) {
    const std::string given = call->query(name);
    if (given.empty()) continue;
    const auto read = snowflake_of(given);
    // 0 is the beginning of all things, which clients ask from.
    if (!read && given != "0") {
      return call->refuse(invalid_form(name, "NUMBER_TYPE_COERCE", "Value is not snowflake."));
    }
    *id = read.value_or(1);
  }
  wanted.limit = call->number("limit", 50, 1, 100);
  const bool content = reads_content(stage.world, *call);
  stage.read(call, [&archive = stage.archive, call, wanted, content, direct = channel->guild == 0] {
    const auto found = archive.history(wanted);
    if (!found) return call->refuse(found.why);
    const auto all = shown(found->messages, content, wanted.reader, direct);
    if (wanted.only == 0) return call->answer(array_of(all));
    if (all.empty()) return call->refuse(discord::error_code::kUnknownMessage);
    call->answer(all.front());
  });
}

void post_message(const Stage& stage, Poster& poster, const Call& call) {
  const Channel* const channel = stage.channel(call, permission::kSendMessages);
  if (channel == nullptr) return;
  if (channel->type == discord::channel_type::kGuildCategory) {
    return call->refuse({400, 50008, "Cannot send messages in a non-text channel"});
  }
  Post post;
  auto form = read_post(call, poster.options().files_bytes_max, post.files);
  if (!form) return;
  post.form = std::move(*form);
  post.channel = channel->id;
  post.author = call->user->id;
  post.face = user_form(*call->user);
  post.permissions = stage.world.permissions(call->user->id, *channel);
  poster.post(std::move(post), [call](const Outcome<Said>& said) { answer_said(call, said); });
}

void edit_message(const Stage& stage, Poster& poster, const Call& call) {
  const Channel* const channel = stage.channel(call, 0);
  if (channel == nullptr) return;
  const auto form = call->body<PostForm>();
  if (!form) return;
  poster.edit(*channel, call->id("message"), call->user->id, false,
              stage.world.permissions(call->user->id, *channel), *form,
              [call](const Outcome<Said>& said) { answer_said(call, said); });
}

void delete_message(const Stage& stage, Poster& poster, const Call& call) {
  const Channel* const channel = stage.channel(call, 0);
  if (channel == nullptr) return;
  const bool any = stage.world.may(call->user->id, *channel, permission::kManageMessages);
  poster.remove(*channel, call->id("message"), any ? 0 : call->user->id,
                [call](const Outcome<Nothing>& removed) {
                  if (!removed) return call->refuse(removed.why);
                  call->no_content();
                });
}

void typing(const Stage& stage, const Call& call) {
  const Channel* const channel = stage.channel(call, permission::kSendMessages);
  if (channel == nullptr) return;
  std::string data = fmt::format("{{\"channel_id\":\"{}\",\"user_id\":\"{}\",\"timestamp\":{}",
                                 channel->id, call->user->id, stage.clock.wall_ms() / 1000);
  if (const Member* const member = stage.world.member(channel->guild, call->user->id)) {
    data += fmt::format(",\"guild_id\":\"{}\",\"member\":{}", channel->guild,
                        member_json(*member, *call->user));
  }
  Event event = stage.event("TYPING_START", *channel, data + "}", intent::kGuildMessageTyping,
                            intent::kDirectMessageTyping);
  event.except = call->user->id;
  stage.announcer.announce(std::move(event));
  call->no_content();
}

void acknowledge(const Stage& stage, const Call& call) {
  const Channel* const channel = stage.channel(call, 0);
  if (channel == nullptr) return;
  const Snowflake message = call->id("message");
  if (message == 0) return call->refuse(discord::error_code::kUnknownMessage);
  stage.world.put(ReadMark{call->user->id, channel->id, message});
  Event event{"MESSAGE_ACK",
              fmt::format("{{\"channel_id\":\"{}\",\"message_id\":\"{}\",\"version\":0}}",
                          channel->id, message)};
  event.only = {call->user->id};
  stage.commit(call, [&stage, call, event = std::move(event)] {
    stage.announcer.announce(event);
    call->answer("{\"token\":null}");
  });
}

void search(const Stage& stage, const Call& call) {
  const Guild* const guild = stage.guild(call);
  if (guild == nullptr) return;
  Wanted wanted;
  wanted.reader = call->user->id;
  const std::string only = call->query("channel_id");
  for (const Channel* const channel : stage.world.channels_of(guild->id)) {
    if ((only.empty() || only == text_of(channel->id)) &&
        stage.world.may(call->user->id, *channel,
                        permission::kViewChannel | permission::kReadMessageHistory)) {
      wanted.channels.push_back(channel->id);
    }
  }
  wanted.text = call->query("content");
  if (wanted.text.size() > 1024) {
    return call->refuse(
        invalid_form("content", "BASE_TYPE_MAX_LENGTH", "Must be 1024 or fewer in length."));
  }
  if (const std::string author = call->query("author_id"); !author.empty()) {
    wanted.author = snowflake_of(author).value_or(1);
  }
  wanted.limit = call->number("limit", 25, 1, 25);
  wanted.offset = call->number("offset", 0, 0, 9975);
  const bool content = reads_content(stage.world, *call);
  stage.read(call, [&archive = stage.archive, call, wanted, content] {
    const auto found = archive.search(wanted);
    if (!found) return call->refuse(found.why);
    std::vector<std::string> rows;
    for (const auto& one : shown(found->messages, content, wanted.reader, false)) {
      rows.push_back("[" + one + "]");
    }
    call->answer(
        fmt::format("{{\"total_results\":{},\"messages\":{}}}", found->total, array_of(rows)));
  });
}

}  // namespace

void install_messages(Rest& rest, const Stage& stage, Poster& poster) {
  const std::string messages = "/channels/{channel}/messages";
  rest.get(messages, [&](const Call& call) { history(stage, call, 0); });
  rest.add({http::Method::Post, messages, Who::Known,
            [&](const Call& call) { post_message(stage, poster, call); }, true, true,
            poster.options().files_bytes_max + 256 * 1024});
  rest.get(messages + "/{message}", [&](const Call& call) {
    const Snowflake id = call->id("message");
    if (id == 0) return call->refuse(discord::error_code::kUnknownMessage);
    history(stage, call, id);
  });
  rest.patch(messages + "/{message}", [&](const Call& call) { edit_message(stage, poster, call); });
  rest.remove(messages + "/{message}",
              [&](const Call& call) { delete_message(stage, poster, call); });
  rest.post(
      messages + "/{message}/ack", [&](const Call& call) { acknowledge(stage, call); },
      Who::Person);
  rest.post("/channels/{channel}/typing", [&](const Call& call) { typing(stage, call); });
  rest.get("/guilds/{guild}/messages/search", [&](const Call& call) { search(stage, call); });
}

}  // namespace hub
