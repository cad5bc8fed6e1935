#include "hub/posting.h"

#include <algorithm>

#include "base/utf8.h"
#include "hub/forms.h"

namespace hub {
namespace {

namespace permission = discord::permission;

constexpr std::size_t kMentionsMax = 100;
constexpr std::size_t kEmbedsMax = 10;
constexpr std::size_t kFieldsMax = 25;  // of an embed
constexpr std::size_t kEmbedCodePoints = 6000;

bool blank(std::string_view text) { return trimmed(text).empty(); }

std::string nonce_text(const std::optional<json::Text>& nonce) {
  return nonce ? text_of(*nonce) : std::string{};
}

std::string nonce_key(Snowflake author, std::string_view nonce) {
  return fmt::format("{}/{}", author, nonce);
}

// Calls `visit` with the mark ("@", "@&") and id of each <@id>, <@!id> and <@&id>.
void each_mention(std::string_view content,
                  const std::function<void(std::string_view, Snowflake)>& visit) {
  for (std::size_t at = content.find("<@"); at != std::string_view::npos;
       at = content.find("<@", at + 2)) {
    std::string_view rest = content.substr(at + 2);
    const std::string_view mark = rest.starts_with('&') ? "@&" : "@";
    if (rest.starts_with('&') || rest.starts_with('!')) rest.remove_prefix(1);
    const std::size_t end = rest.find('>');
    if (end == std::string_view::npos || end > 20) continue;
    if (const auto id = snowflake_of(rest.substr(0, end))) visit(mark, *id);
  }
}

bool holds(const std::vector<json::Text>& ids, std::string_view id) {
  return std::any_of(ids.begin(), ids.end(),
                     [&](const json::Text& one) { return text_of(one) == id; });
}

bool names(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Whether it is an object that has nothing but text, if anything, under these names.
bool has_texts(json::Value object, std::initializer_list<std::string_view> names,
               std::size_t& code_points) {
  if (!object.is(json::Kind::Object)) return false;
  for (const std::string_view name : names) {
    const auto text = object.find(name);
    if (!text || text->is(json::Kind::Null)) continue;
    if (!text->is(json::Kind::String)) return false;
    code_points += utf8_length(text->string());
  }
  return true;
}

// Embeds go out as they came in, so what clients build on must hold: texts are texts, objects are
// objects ("Embed Object").
bool fit_embed(json::Value embed, std::size_t& code_points) {
  std::size_t uncounted = 0;
  if (!has_texts(embed, {"title", "description"}, code_points)) return false;
  if (!has_texts(embed, {"url", "type", "timestamp"}, uncounted)) return false;
  const auto color = embed.find("color");
  if (color && !color->is(json::Kind::Null) && !color->is(json::Kind::Integer)) return false;
  for (const char* const part : {"footer", "author", "image", "thumbnail", "video", "provider"}) {
    const auto its = embed.find(part);
    if (!its || its->is(json::Kind::Null)) continue;
    if (!has_texts(*its, {"text", "name"}, code_points)) return false;
    if (!has_texts(*its, {"url", "icon_url", "proxy_url"}, uncounted)) return false;
  }
  const auto fields = embed.find("fields");
  if (!fields || fields->is(json::Kind::Null)) return true;
  if (!fields->is(json::Kind::Array) || fields->size() > kFieldsMax) return false;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    const json::Value field = fields->at(i);
    if (!has_texts(field, {"name", "value"}, code_points)) return false;
    if (field.text_or("name", "").empty() || field.text_or("value", "").empty()) return false;
  }
  return true;
}

std::optional<Refusal> unfit_parts(const PostForm& form) {
  std::size_t code_points = 0;
  for (const auto& [name, list] :
       {std::pair{"embeds", &form.embeds}, {"components", &form.components}}) {
    if (!*list || (*list)->text == "null") continue;
    const bool embeds = list == &form.embeds;
    const auto document = json::Document::parse((*list)->text);
    bool fit = document && document.value().root().is(json::Kind::Array);
    const std::size_t count = fit ? document.value().root().size() : 0;
    if (embeds && count > kEmbedsMax) fit = false;
    for (std::size_t i = 0; fit && i < count; ++i) {
      const json::Value part = document.value().root().at(i);
      fit = embeds ? fit_embed(part, code_points) : part.is(json::Kind::Object);
    }
    if (!fit) return invalid_form(name, "LIST_TYPE_CONVERT", "Must be a list of such objects.");
  }
  if (code_points <= kEmbedCodePoints) return std::nullopt;
  return invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED",
                      "Embed size exceeds maximum size of 6000");
}

}  // namespace

std::optional<Refusal> Poster::check(const Post& post) const {
  const PostForm& form = post.form;
  const std::string& content = form.content ? *form.content : std::string{};
  if (utf8_length(content) > discord::kContentCodePoints) {
    return invalid_form("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.");
  }
  if (auto why = unfit_parts(form)) return why;
  const auto empty = [](const std::optional<json::Text>& list) {
    return !list || list->text == "[]" || list->text == "null";
  };
  if (blank(content) && empty(form.embeds) && empty(form.components) && post.files.empty()) {
    return refusal(discord::error_code::kEmptyMessage);
  }
  if (form.nonce && (form.nonce->text.starts_with('{') || form.nonce->text.starts_with('['))) {
    return invalid_form("nonce", "NONCE_TYPE_INVALID", "Must be a string or an integer.");
  }
  if (nonce_text(form.nonce).size() > discord::kNonceBytes) {
    return invalid_form("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.");
  }
  if (form.message_reference && !snowflake_of(text_of(form.message_reference->message_id))) {
    return invalid_form("message_reference", "NUMBER_TYPE_COERCE", "Value is not snowflake.");
  }
  if (!post.files.empty() && !post.webhook && (post.permissions & permission::kAttachFiles) == 0) {
    return refusal(discord::error_code::kMissingPermissions);
  }
  return std::nullopt;
}

// Without allowed_mentions everything that is mentioned is, for a webhook users only ("Allowed
// Mentions Object").
Poster::Mentions Poster::mentions(const Post& post) const {
  const auto& allowed = post.form.allowed_mentions;
  const auto parses = [&](std::string_view kind) {
    if (!allowed) return !post.webhook || kind == "users";
    return allowed->parse && names(*allowed->parse, kind);
  };
  Mentions found;
  found.replied = !allowed || allowed->replied_user;
  const std::string& content = post.form.content ? *post.form.content : std::string{};
  if (content.find("@everyone") != std::string::npos ||
      content.find("@here") != std::string::npos) {
    found.everyone = parses("everyone") && (post.permissions & permission::kMentionEveryone) != 0;
  }
  const Channel* const channel = stage_.world.channel(post.channel);
  const Guild* const guild = channel == nullptr ? nullptr : stage_.world.guild(channel->guild);
  each_mention(content, [&](std::string_view mark, Snowflake id) {
    const std::string text = text_of(id);
    if (mark == "@&") {
      const bool role =
          guild != nullptr && std::any_of(guild->roles.begin(), guild->roles.end(),
                                          [&](const Role& one) { return one.id == id; });
      const bool may = parses("roles") || (allowed && holds(allowed->roles, text));
      if (role && may && !names(found.roles, text)) found.roles.push_back(text);
      return;
    }
    const User* const user = stage_.world.user(id);
    const bool may = parses("users") || (allowed && holds(allowed->users, text));
    const bool known = std::any_of(found.users.begin(), found.users.end(),
                                   [&](const UserForm& one) { return one.id == text; });
    if (user != nullptr && may && !known && found.users.size() < kMentionsMax) {
      found.users.push_back(user_form(*user));
    }
  });
  return found;
}

Outcome<MessageForm> Poster::compose(const Post& post) {
  if (auto why = check(post)) return std::move(*why);
  const Snowflake id = stage_.world.ids.next();
  Mentions mentioned = mentions(post);
  MessageForm form;
  form.id = text_of(id);
  form.channel_id = text_of(post.channel);
  form.author = post.face;
  if (post.form.content) form.content = *post.form.content;
  form.timestamp = timestamp(made_ms(id));
  form.mention_everyone = mentioned.everyone;
  form.mentions = std::move(mentioned.users);
  form.mention_roles = std::move(mentioned.roles);
  if (post.form.embeds && post.form.embeds->text != "null") form.embeds = *post.form.embeds;
  if (post.form.components && post.form.components->text != "null") {
    form.components = *post.form.components;
  }
  form.type = post.type;
  // Loading and ephemeral are ours to say.
  form.flags = (post.form.flags & (1 << 2 | 1 << 12)) | post.flags;
  if (post.form.nonce && post.form.nonce->text != "null") form.nonce = post.form.nonce;
  if (post.webhook) form.webhook_id = text_of(post.author);
  form.application_id = post.application_id;
  form.interaction_metadata = post.interaction_metadata;
  if (post.form.message_reference) {
    const Channel* const channel = stage_.world.channel(post.channel);
    ReferenceForm reference;
    reference.message_id = text_of(post.form.message_reference->message_id);
    reference.channel_id = form.channel_id;
    if (channel != nullptr && channel->guild != 0) reference.guild_id = text_of(channel->guild);
    form.message_reference = reference;
    form.type = discord::message_type::kReply;
  }
  return form;
}

void Poster::remember(Snowflake author, const std::string& nonce, Snowflake message) {
  forget_nonces();
  const std::string key = nonce_key(author, nonce);
  const SteadyTime now = stage_.clock.now();
  nonces_[key] = {message, now};
  nonce_ages_.emplace_back(now, key);
}

void Poster::forget_nonces() {
  const SteadyTime now = stage_.clock.now();
  while (!nonce_ages_.empty() && (nonce_ages_.size() > options_.nonces_max ||
                                  now - nonce_ages_.front().first > options_.nonces)) {
    const auto& [since, key] = nonce_ages_.front();
    const auto found = nonces_.find(key);
    // A nonce that was refused may have been used anew since.
    if (found != nonces_.end() && found->second.since == since) nonces_.erase(found);
    nonce_ages_.pop_front();
  }
}

// Whether a message with this nonce is there or on its way: then that is the answer.
bool Poster::repeated(const std::string& key, Snowflake channel, Snowflake author,
                      Done<Said>& done) {
  const auto found = nonces_.find(key);
  if (found == nonces_.end()) return false;
  if (found->second.message == 0) {
    found->second.waiting.push_back(std::move(done));
    return true;
  }
  Wanted wanted;
  wanted.channels = {channel};
  wanted.only = found->second.message;
  wanted.reader = author;
  const bool asked =
      stage_.readers.post([&archive = stage_.archive, wanted, done = stage_.on_loop<Said>(done)] {
        auto there = archive.history(wanted);
        if (!there) return done(there.why);
        if (there->messages.empty()) return done(refusal(discord::error_code::kUnknownMessage));
        done(std::move(there->messages.front()));
      });
  if (!asked) done(Refusal{503, 0, "The service is overloaded"});
  return true;
}

void Poster::post(Post post, Done<Said> done) {
  forget_nonces();
  const bool enforce = post.form.enforce_nonce && !nonce_text(post.form.nonce).empty();
  const std::string key =
      enforce ? nonce_key(post.author, nonce_text(post.form.nonce)) : std::string{};
  if (enforce && repeated(key, post.channel, post.author, done)) return;
  auto form = compose(post);
  if (!form) return done(std::move(form.why));
  const auto draft = std::make_shared<Draft>();
  draft->id = *snowflake_of(form->id);
  draft->channel = post.channel;
  draft->author = post.author;
  if (enforce) draft->nonce = nonce_text(post.form.nonce);
  if (const auto& reference = post.form.message_reference) {
    draft->reply_to = *snowflake_of(text_of(reference->message_id));
    draft->must_exist = reference->fail_if_not_exists;
    draft->mention_replied =
        !post.form.allowed_mentions || post.form.allowed_mentions->replied_user;
  }
  draft->form = std::move(*form);
  if (enforce) {
    const SteadyTime now = stage_.clock.now();
    nonces_[key] = {0, now};
    nonce_ages_.emplace_back(now, key);
    done = [this, key, done = std::move(done)](Outcome<Said> said) {
      const auto found = nonces_.find(key);
      std::vector<Done<Said>> waiting;
      if (found != nonces_.end()) {
        waiting = std::move(found->second.waiting);
        found->second.waiting.clear();
        // What was refused may be tried again.
        if (said) found->second.message = snowflake_of(said->form.id).value_or(0);
        if (!said) nonces_.erase(found);
      }
      for (const auto& other : waiting) other(said);
      done(std::move(said));
    };
  }
  if (post.files.empty()) return insert(std::move(*draft), std::move(done));
  for (File& file : post.files) {
    const Snowflake id = stage_.world.ids.next();
    AttachmentForm attachment;
    attachment.id = text_of(id);
    attachment.filename = file.name;
    attachment.content_type = content_type_of(file.bytes);
    attachment.size = static_cast<std::int64_t>(file.bytes.size());
    attachment.url = options_.url + attachments_.path_of(post.channel, id, file.name);
    attachment.proxy_url = attachment.url;
    for (const auto& told : post.form.attachments.value_or(std::vector<PostedAttachment>{})) {
      if (trimmed(told.id.text) == fmt::to_string(file.index) ||
          told.id.text == fmt::format("\"{}\"", file.index)) {
        attachment.description = told.description;
      }
    }
    draft->form.attachments.push_back(std::move(attachment));
  }
  keep_files(draft, std::move(post.files), std::move(done));
}

// Files first: a message never names one that is not on disk. Those of a message that does not come
// about go again.
void Poster::keep_files(std::shared_ptr<Draft> draft, std::vector<File> files, Done<Said> done) {
  const auto next = stage_.on_loop<Nothing>([this, draft, done](const Outcome<Nothing>& kept) {
    if (!kept) return done(kept.why);
    std::vector<Snowflake> ids;
    for (const AttachmentForm& one : draft->form.attachments) {
      ids.push_back(*snowflake_of(one.id));
    }
    insert(std::move(*draft), [this, ids, done](Outcome<Said> said) {
      if (!said) forget_files(ids);
      done(std::move(said));
    });
  });
  const bool asked = stage_.readers.post([this, draft, next, files = std::move(files)] {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto id = *snowflake_of(draft->form.attachments[i].id);
      const auto kept = attachments_.keep(id, files[i].bytes);
      if (kept) continue;
      for (std::size_t j = 0; j < i; ++j) {
        attachments_.forget(*snowflake_of(draft->form.attachments[j].id));
      }
      return next(refusal_of(kept.error()));
    }
    next(Nothing{});
  });
  if (!asked) done(Refusal{503, 0, "The service is overloaded"});
}

// A file that stays behind, since too many are read or the process ends, goes at the next start.
void Poster::forget_files(std::vector<Snowflake> ids) {
  if (ids.empty()) return;
  stage_.readers.post([&attachments = attachments_, ids = std::move(ids)] {
    for (const Snowflake id : ids) attachments.forget(id);
  });
}

void Poster::insert(Draft draft, Done<Said> done) {
  const Snowflake id = draft.id, channel = draft.channel;
  // It may have gone while files were written: its messages went with it.
  if (stage_.world.channel(channel) == nullptr) {
    return done(refusal(discord::error_code::kUnknownChannel));
  }
  // A channel that the disk did not take when it was made comes before what is said there.
  if (stage_.world.changed()) stage_.keep_changes([](const Outcome<Nothing>&) {});
  stage_.archive.insert(
      std::move(draft),
      stage_.on_loop<Said>([this, id, channel, done = std::move(done)](Outcome<Said> said) {
        if (!said) return done(std::move(said.why));
        stage_.world.said(channel, id);
        if (const Channel* const its = stage_.world.channel(channel)) {
          announce("MESSAGE_CREATE", *its, *said, {});
        }
        done(std::move(said));
      }));
}

// In a guild the event tells more than the answer: where, and of what standing its author is.
void Poster::announce(std::string_view name, const Channel& channel, const Said& said,
                      std::string_view more) {
  std::string extra(more);
  const auto author = snowflake_of(said.form.author.id).value_or(0);
  if (channel.guild != 0) {
    extra += fmt::format("{}\"guild_id\":\"{}\"", extra.empty() ? "" : ",", channel.guild);
    if (const Member* const member = stage_.world.member(channel.guild, author)) {
      extra += ",\"member\":" + member_json(*member);
    }
  }
  Event event = stage_.event(name, channel, with_members(said.json, extra),
                             discord::intent::kGuildMessages, discord::intent::kDirectMessages);
  if (channel.guild != 0) {
    event.redact = redacted_json;
    event.readers.push_back(author);
    for (const UserForm& user : said.form.mentions) {
      event.readers.push_back(snowflake_of(user.id).value_or(0));
    }
  }
  stage_.announcer.announce(std::move(event));
}

void Poster::edit(const Channel& channel, Snowflake message, Snowflake author, bool webhook,
                  std::uint64_t permissions, const PostForm& form, Done<Said> done) {
  Post post;
  post.channel = channel.id;
  post.author = author;
  post.form = form;
  post.permissions = permissions;
  post.webhook = webhook;
  // Whether anything is left is known with what it had.
  if (auto why = check(post); why && why->code != discord::error_code::kEmptyMessage) {
    return done(std::move(*why));
  }
  const auto change = [=, mentioned = mentions(post), now = timestamp(stage_.clock.wall_ms())](
                          MessageForm& its) -> std::optional<Refusal> {
    if (its.author.id != text_of(author)) return refusal(discord::error_code::kForeignMessage);
    if (form.content) {
      its.content = *form.content;
      its.mentions = mentioned.users;
      its.mention_roles = mentioned.roles;
      its.mention_everyone = mentioned.everyone;
    }
    if (form.embeds) its.embeds.text = form.embeds->text == "null" ? "[]" : form.embeds->text;
    if (form.components) {
      its.components.text = form.components->text == "null" ? "[]" : form.components->text;
    }
    if (blank(its.content) && its.embeds.text == "[]" && its.attachments.empty()) {
      return refusal(discord::error_code::kEmptyMessage);
    }
    its.flags &= ~discord::message_flag::kLoading;
    its.edited_timestamp.text = json::quoted(now);
    return std::nullopt;
  };
  stage_.archive.edit(
      channel.id, message, author, change,
      stage_.on_loop<Said>([this, id = channel.id, done = std::move(done)](Outcome<Said> said) {
        const Channel* const its = stage_.world.channel(id);
        if (said && its != nullptr) announce("MESSAGE_UPDATE", *its, *said, {});
        done(std::move(said));
      }));
}

void Poster::remove(const Channel& channel, Snowflake message, Snowflake own, Done<Nothing> done) {
  stage_.archive.remove(
      channel.id, message, own,
      stage_.on_loop<Files>(
          [this, id = channel.id, message, done = std::move(done)](Outcome<Files> removed) {
            const Channel* const its = stage_.world.channel(id);
            if (removed && its != nullptr) {
              const std::string guild =
                  its->guild == 0 ? "" : fmt::format(",\"guild_id\":\"{}\"", its->guild);
              stage_.announcer.announce(stage_.event(
                  "MESSAGE_DELETE", *its,
                  fmt::format("{{\"id\":\"{}\",\"channel_id\":\"{}\"{}}}", message, id, guild),
                  discord::intent::kGuildMessages, discord::intent::kDirectMessages));
            }
            if (!removed) return done(std::move(removed.why));
            forget_files(std::move(*removed));
            done(Nothing{});
          }));
}

void Poster::remove_channel(Snowflake channel, std::vector<Change> changes, Done<Nothing> done) {
  stage_.archive.remove_channel(
      channel, std::move(changes),
      stage_.on_loop<Files>([this, done = std::move(done)](Outcome<Files> removed) {
        if (!removed) return done(std::move(removed.why));
        forget_files(std::move(*removed));
        done(Nothing{});
      }));
}

std::optional<PostForm> read_post(const Call& call, std::size_t files_bytes_max,
                                  std::vector<File>& files) {
  const auto type = call->request.headers.get("Content-Type");
  const auto boundary = type ? boundary_of(*type) : std::nullopt;
  if (boundary) {
    auto parts = read_multipart(call->request.body, *boundary);
    if (!parts) {
      call->refuse_body("files: " + parts.error().message);
      return std::nullopt;
    }
    std::size_t bytes = 0;
    for (const File& file : parts.value().files) bytes += file.bytes.size();
    if (bytes > files_bytes_max) {
      call->refuse(discord::error_code::kTooLarge);
      return std::nullopt;
    }
    files = std::move(parts.value().files);
    call->request.body = std::move(parts.value().payload_json);
  }
  return call->body<PostForm>();
}

}  // namespace hub
