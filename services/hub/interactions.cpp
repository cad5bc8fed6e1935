#include "hub/interactions.h"

#include "crypto/crypto.h"
#include "hub/forms.h"

namespace hub {
namespace {

namespace permission = discord::permission;
namespace flag = discord::message_flag;

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kHiddenMax = 50;  // ephemeral messages of one interaction

struct CalledData {
  std::string id;
  std::string name;
  int type = 1;
  std::optional<std::string> target_id;
  std::optional<json::Text> options;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_max = 20});
    visit("name", self.name, Field{.bytes_max = 128});
    visit("type", self.type, Field{.defaulted = true});
    visit("target_id", self.target_id, Field{.bytes_max = 20});
    visit("options", self.options, Field{.bytes_max = 16 * 1024});
  }
};

struct CalledForm {
  int type = 0;
  std::string application_id;
  std::string channel_id;
  CalledData data;
  std::optional<std::string> nonce;
  static void fields(auto& self, auto&& visit) {
    visit("type", self.type, Field{.min = 2, .max = 2});
    visit("application_id", self.application_id, Field{.bytes_max = 20});
    visit("channel_id", self.channel_id, Field{.bytes_max = 20});
    visit("data", self.data);
    visit("nonce", self.nonce, Field{.bytes_max = 64});
  }
};

struct CallbackForm {
  int type = 0;
  std::optional<PostForm> data;
  static void fields(auto& self, auto&& visit) {
    visit("type", self.type);
    visit("data", self.data);
  }
};

// `data` of the event: what was called, and whatever it was called on.
std::string called_json(const CalledData& data, std::string_view guild, std::string_view resolved) {
  std::string text = fmt::format("{{\"id\":\"{}\",\"name\":{},\"type\":{}", data.id,
                                 json::quoted(data.name), data.type);
  if (!guild.empty()) text += fmt::format(",\"guild_id\":\"{}\"", guild);
  if (data.options) text += ",\"options\":" + data.options->text;
  if (data.target_id) text += ",\"target_id\":" + json::quoted(*data.target_id);
  if (!resolved.empty()) text += fmt::format(",\"resolved\":{}", resolved);
  return text + "}";
}

}  // namespace

Interactions::Shared Interactions::find(const Call& call) const {
  const auto found = open_.find(call->text("token"));
  if (found == open_.end()) return nullptr;
  const Snowflake application = call->id("webhook");
  const bool its =
      application == found->second->application || call->id("interaction") == found->second->id;
  return its ? found->second : nullptr;
}

void Interactions::call(const Call& call) {
  const auto form = call->body<CalledForm>();
  if (!form) return;
  World& world = stage_.world;
  const Channel* const channel = world.channel(snowflake_of(form->channel_id).value_or(0));
  if (channel == nullptr) return call->refuse(discord::error_code::kUnknownChannel);
  if (!world.may(call->user->id, *channel,
                 permission::kViewChannel | permission::kUseApplicationCommands)) {
    return call->refuse(discord::error_code::kMissingAccess);
  }
  const AppCommand* const command = world.command(snowflake_of(form->data.id).value_or(0));
  const bool there = command != nullptr && text_of(command->application) == form->application_id &&
                     (command->guild == 0 || command->guild == channel->guild) &&
                     world.may_view(command->application, channel->id);
  if (!there) return call->refuse(discord::error_code::kUnknownCommand);
  if (open_.size() >= options_.open_max) {
    return call->refuse({503, 0, "Too many interactions are open"});
  }
  const auto interaction = std::make_shared<Interaction>();
  interaction->id = world.ids.next();
  interaction->application = command->application;
  interaction->channel = channel->id;
  interaction->invoker = call->user->id;
  interaction->command_type = command->type;
  interaction->name = command->name;
  interaction->nonce = form->nonce.value_or("");
  const std::string token = crypto::random_token(kTokenBytes);
  open_[token] = interaction;
  interaction->timer =
      stage_.loop.after(options_.respond_within, [this, token] { unanswered(token); });
  CalledData data = form->data;
  data.name = command->name;
  data.type = command->type;
  const std::string guild = channel->guild == 0 ? "" : text_of(channel->guild);
  const Snowflake target = snowflake_of(data.target_id.value_or("")).value_or(0);
  if (command->type == discord::command_type::kUser) {
    const User* const user = world.user(target);
    const std::string resolved =
        user == nullptr ? "" : fmt::format("{{\"users\":{{\"{}\":{}}}}}", target, user_json(*user));
    announce_call(*interaction, token, called_json(data, guild, resolved));
    return call->no_content();
  }
  if (command->type != discord::command_type::kMessage) {
    announce_call(*interaction, token, called_json(data, guild, {}));
    return call->no_content();
  }
  Wanted wanted;
  wanted.channels = {channel->id};
  wanted.only = target == 0 ? 1 : target;
  stage_.read(call, [this, call, wanted, interaction, token, data, guild] {
    auto found = stage_.archive.history(wanted);
    stage_.loop.post([this, call, interaction, token, data, guild, found = std::move(found)] {
      if (!found || found->messages.empty()) {
        expire(token);
        return call->refuse(found ? refusal(discord::error_code::kUnknownMessage) : found.why);
      }
      const Said& said = found->messages.front();
      announce_call(
          *interaction, token,
          called_json(data, guild,
                      fmt::format("{{\"messages\":{{\"{}\":{}}}}}", said.form.id, said.json)));
      call->no_content();
    });
  });
}

void Interactions::announce_call(const Interaction& interaction, const std::string& token,
                                 std::string_view data) {
  const World& world = stage_.world;
  const Channel* const channel = world.channel(interaction.channel);
  const User* const invoker = world.user(interaction.invoker);
  if (channel == nullptr || invoker == nullptr) return;
  std::string text = fmt::format(
      "{{\"id\":\"{}\",\"application_id\":\"{}\",\"type\":2,\"token\":\"{}\",\"version\":1,"
      "\"channel_id\":\"{}\",\"channel\":{},\"data\":{},\"locale\":\"en-US\",\"entitlements\":[],"
      "\"authorizing_integration_owners\":{{}},\"app_permissions\":\"{}\",\"context\":{}",
      interaction.id, interaction.application, token, channel->id,
      channel_json(world, *channel, interaction.application), data,
      world.permissions(interaction.application, *channel), channel->guild == 0 ? 1 : 0);
  const Member* const member = world.member(channel->guild, invoker->id);
  if (member != nullptr) {
    text += fmt::format(
        ",\"guild_id\":\"{}\",\"guild_locale\":\"en-US\",\"member\":{}", channel->guild,
        with_members(
            member_json(*member, *invoker),
            fmt::format("\"permissions\":\"{}\"", world.permissions(invoker->id, *channel))));
  } else {
    text += ",\"user\":" + user_json(*invoker);
  }
  Event event{"INTERACTION_CREATE", text + "}"};
  event.only = {interaction.application};
  stage_.announcer.announce(std::move(event));
}

void Interactions::expire(const std::string& token) { open_.erase(token); }

// The invoker is told by a message that only they see, under the application's name.
void Interactions::unanswered(const std::string& token) {
  const auto found = open_.find(token);
  if (found == open_.end()) return;
  const Shared interaction = found->second;
  open_.erase(found);
  PostForm form;
  form.content = "The application did not respond";
  say(interaction, post_of(*interaction, std::move(form)), flag::kEphemeral, true,
      [](const Outcome<Said>&) {});
}

Post Interactions::post_of(const Interaction& interaction, PostForm form) const {
  Post post;
  post.channel = interaction.channel;
  post.author = interaction.application;
  if (const User* const bot = stage_.world.user(interaction.application)) {
    post.face = user_form(*bot);
  }
  if (const Channel* const channel = stage_.world.channel(interaction.channel)) {
    post.permissions = stage_.world.permissions(interaction.application, *channel);
  }
  // An answer is neither a reply nor known by a nonce.
  form.message_reference.reset();
  form.nonce.reset();
  form.enforce_nonce = false;
  post.form = std::move(form);
  post.application_id = text_of(interaction.application);
  post.type = interaction.command_type == discord::command_type::kChatInput
                  ? discord::message_type::kChatInputCommand
                  : discord::message_type::kContextMenuCommand;
  const User* const invoker = stage_.world.user(interaction.invoker);
  post.interaction_metadata =
      json::Text{fmt::format("{{\"id\":\"{}\",\"type\":2,\"name\":{},\"user\":{},"
                             "\"authorizing_integration_owners\":{{}}}}",
                             interaction.id, json::quoted(interaction.name),
                             invoker == nullptr ? "null" : user_json(*invoker))};
  return post;
}

void Interactions::tell_hidden(std::string_view name, const Interaction& interaction,
                               const MessageForm& form) {
  const Channel* const channel = stage_.world.channel(interaction.channel);
  std::string data = json::encode(form);
  if (channel != nullptr && channel->guild != 0) {
    data = with_members(data, fmt::format("\"guild_id\":\"{}\"", channel->guild));
  }
  Event event{name, std::move(data)};
  event.only = {interaction.invoker};
  stage_.announcer.announce(std::move(event));
}

void Interactions::say(const Shared& interaction, Post post, int flags, bool original,
                       Done<Said> done) {
  if ((flags & flag::kEphemeral) == 0) {
    return poster_.post(std::move(post),
                        [interaction, original, done = std::move(done)](Outcome<Said> said) {
                          if (said && original) {
                            interaction->original = snowflake_of(said->form.id).value_or(0);
                          }
                          done(std::move(said));
                        });
  }
  if (!post.files.empty()) {
    return done(invalid_form("files", "INVALID", "Files of ephemeral messages are not kept here"));
  }
  auto form = poster_.compose(post);
  if (!form) return done(std::move(form.why));
  if (interaction->hidden.size() >= kHiddenMax) return done(Refusal{503, 0, "Too many messages"});
  form->flags |= flags;
  const Snowflake id = snowflake_of(form->id).value_or(0);
  if (original) interaction->original = id;
  interaction->hidden[id] = *form;
  tell_hidden("MESSAGE_CREATE", *interaction, *form);
  std::string json = json::encode(*form);
  done(Said{std::move(*form), std::move(json)});
}

void Interactions::respond(const Call& call) {
  const Shared interaction = find(call);
  if (interaction == nullptr) return call->refuse(discord::error_code::kUnknownInteraction);
  std::vector<File> files;
  const auto type = call->request.headers.get("Content-Type");
  if (const auto boundary = type ? boundary_of(*type) : std::nullopt) {
    auto parts = read_multipart(call->request.body, *boundary);
    if (!parts) return call->refuse_body("files: " + parts.error().message);
    files = std::move(parts.value().files);
    call->request.body = std::move(parts.value().payload_json);
  }
  auto form = call->body<CallbackForm>();
  if (!form) return;
  if (interaction->answered) return call->refuse(discord::error_code::kInteractionAnswered);
  const bool deferred = form->type == discord::callback_type::kDeferredMessage;
  if (!deferred && form->type != discord::callback_type::kMessage) {
    return call->refuse(invalid_form("type", "BASE_TYPE_CHOICES", "Value must be one of (4, 5)."));
  }
  PostForm data = form->data ? std::move(*form->data) : PostForm{};
  interaction->ephemeral = (data.flags & flag::kEphemeral) != 0;
  const int flags = interaction->ephemeral ? flag::kEphemeral : 0;
  const auto done = [this, call, interaction, deferred,
                     token = call->text("token")](const Outcome<Said>& said) {
    if (!said) {
      // It may try again.
      interaction->answered = false;
      interaction->timer =
          stage_.loop.after(options_.respond_within, [this, token] { unanswered(token); });
      return call->refuse(said.why);
    }
    interaction->waiting = deferred;
    if (call->query("with_response") != "true") return call->no_content();
    call->answer(
        fmt::format("{{\"interaction\":{{\"id\":\"{}\",\"type\":2,\"response_message_id\":{},"
                    "\"response_message_loading\":{},\"response_message_ephemeral\":{}}},"
                    "\"resource\":{{\"type\":{}{}}}}}",
                    interaction->id, json::quoted(said->form.id), deferred, interaction->ephemeral,
                    deferred ? 5 : 4, deferred ? "" : ",\"message\":" + said->json));
  };
  // From here on no second answer is taken, nor is the caller told that there is none: the disk may
  // take its time.
  interaction->answered = true;
  interaction->timer = stage_.loop.after(options_.token_valid,
                                         [this, token = call->text("token")] { expire(token); });
  if (deferred) {
    // Stands for "thinking" until the answer takes its place; who knows the flag shows it so.
    data = {};
    data.content = "\u2026";
    Post post = post_of(*interaction, std::move(data));
    post.flags = flag::kLoading;
    return say(interaction, std::move(post), flags | flag::kLoading, true, done);
  }
  Post post = post_of(*interaction, std::move(data));
  post.files = std::move(files);
  say(interaction, std::move(post), flags, true, done);
}

bool Interactions::follow_up(const Call& call) {
  const Shared interaction = find(call);
  if (interaction == nullptr) return false;
  std::vector<File> files;
  auto form = read_post(call, poster_.options().files_bytes_max, files);
  if (!form) return true;
  if (!interaction->answered) {
    call->refuse(discord::error_code::kUnknownInteraction);
    return true;
  }
  const auto done = [call](const Outcome<Said>& said) {
    if (!said) return call->refuse(said.why);
    call->answer(said->json);
  };
  // The first one after "thinking" is what was thought of.
  if (interaction->waiting && files.empty()) {
    change(interaction, interaction->original, *form, done);
    return true;
  }
  const int flags = form->flags & flag::kEphemeral;
  Post post = post_of(*interaction, std::move(*form));
  post.files = std::move(files);
  say(interaction, std::move(post), flags, false, done);
  return true;
}

// Of /messages/{message} the one that "@original" or an id names.
static Snowflake wanted_message(const Call& call, Snowflake original) {
  return call->text("message") == "@original" ? original : call->id("message");
}

bool Interactions::fetch(const Call& call) {
  const Shared interaction = find(call);
  if (interaction == nullptr) return false;
  const Snowflake id = wanted_message(call, interaction->original);
  if (const auto hidden = interaction->hidden.find(id); hidden != interaction->hidden.end()) {
    call->answer(json::encode(hidden->second));
    return true;
  }
  Wanted wanted;
  wanted.channels = {interaction->channel};
  wanted.only = id == 0 ? 1 : id;
  stage_.read(call,
              [&archive = stage_.archive, call, wanted, own = text_of(interaction->application)] {
                const auto found = archive.history(wanted);
                if (!found) return call->refuse(found.why);
                if (found->messages.empty() || found->messages.front().form.author.id != own) {
                  return call->refuse(discord::error_code::kUnknownMessage);
                }
                call->answer(found->messages.front().json);
              });
  return true;
}

void Interactions::change(const Shared& interaction, Snowflake message, const PostForm& form,
                          Done<Said> done) {
  if (message == interaction->original) interaction->waiting = false;
  const auto hidden = interaction->hidden.find(message);
  if (hidden == interaction->hidden.end()) {
    const Channel* const channel = stage_.world.channel(interaction->channel);
    if (channel == nullptr) return done(refusal(discord::error_code::kUnknownChannel));
    return poster_.edit(*channel, message, interaction->application, false,
                        stage_.world.permissions(interaction->application, *channel), form,
                        std::move(done));
  }
  auto next = poster_.compose(post_of(*interaction, form));
  if (!next) return done(std::move(next.why));
  next->id = hidden->second.id;
  next->timestamp = hidden->second.timestamp;
  next->flags |= flag::kEphemeral;
  next->edited_timestamp.text = json::quoted(timestamp(stage_.clock.wall_ms()));
  hidden->second = *next;
  tell_hidden("MESSAGE_UPDATE", *interaction, *next);
  std::string json = json::encode(*next);
  done(Said{std::move(*next), std::move(json)});
}

bool Interactions::edit(const Call& call) {
  const Shared interaction = find(call);
  if (interaction == nullptr) return false;
  std::vector<File> files;
  const auto form = read_post(call, poster_.options().files_bytes_max, files);
  if (!form) return true;
  change(interaction, wanted_message(call, interaction->original), *form,
         [call](const Outcome<Said>& said) {
           if (!said) return call->refuse(said.why);
           call->answer(said->json);
         });
  return true;
}

bool Interactions::erase(const Call& call) {
  const Shared interaction = find(call);
  if (interaction == nullptr) return false;
  const Snowflake id = wanted_message(call, interaction->original);
  const Channel* const channel = stage_.world.channel(interaction->channel);
  if (interaction->hidden.erase(id) != 0) {
    Event event{"MESSAGE_DELETE",
                fmt::format("{{\"id\":\"{}\",\"channel_id\":\"{}\"}}", id, interaction->channel)};
    event.only = {interaction->invoker};
    stage_.announcer.announce(std::move(event));
    call->no_content();
  } else if (channel == nullptr) {
    call->refuse(discord::error_code::kUnknownChannel);
  } else {
    poster_.remove(*channel, id, interaction->application, [call](const Outcome<Nothing>& gone) {
      if (!gone) return call->refuse(gone.why);
      call->no_content();
    });
  }
  return true;
}

}  // namespace hub
