#include <algorithm>

#include "base/utf8.h"
#include "crypto/crypto.h"
#include "hub/forms.h"
#include "hub/routes.h"

// Webhooks: who has the token posts under any name, without a wait and without an account.
namespace hub {
namespace {

namespace permission = discord::permission;

constexpr std::size_t kWebhooksMax = 15;  // of a channel

struct WebhookForm {
  std::optional<std::string> name;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 320});
  }
};

// Names that would pass for Discord's own are refused, as there.
std::optional<Refusal> wrong_name(std::string_view member, std::string_view name) {
  const std::string plain = ascii_lower(name);
  if (trimmed(name).empty() || utf8_length(name) > 80) {
    return invalid_form(member, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.");
  }
  if (!harmless(name)) return unfit_name(member);
  for (const char* const word : {"clyde", "discord"}) {
    if (plain.find(word) != std::string::npos) {
      return invalid_form(member, "USERNAME_INVALID_CONTAINS",
                          fmt::format("Username cannot contain \"{}\"", word));
    }
  }
  return std::nullopt;
}

// The webhook that the path names, if its token does too; else it has refused.
const Webhook* with_token(const Stage& stage, const Call& call) {
  const Webhook* const webhook = stage.world.webhook(call->id("webhook"));
  if (webhook == nullptr) {
    call->refuse(discord::error_code::kUnknownWebhook);
    return nullptr;
  }
  if (!crypto::equal(webhook->token, call->text("token"))) {
    call->refuse(kInvalidWebhookToken);
    return nullptr;
  }
  return webhook;
}

// Without the token it takes somebody who manages the channel's webhooks.
const Webhook* managed(const Stage& stage, const Call& call) {
  const Webhook* const webhook = stage.world.webhook(call->id("webhook"));
  const Channel* const channel =
      webhook == nullptr ? nullptr : stage.world.channel(webhook->channel);
  if (channel == nullptr) {
    call->refuse(discord::error_code::kUnknownWebhook);
    return nullptr;
  }
  if (!stage.world.may(call->user->id, *channel, permission::kManageWebhooks)) {
    call->refuse(discord::error_code::kMissingPermissions);
    return nullptr;
  }
  return webhook;
}

void make(const Stage& stage, const Call& call) {
  const Channel* const channel = stage.channel(call, permission::kManageWebhooks);
  if (channel == nullptr) return;
  if (channel->guild == 0) return call->refuse(kNotInDirectMessages);
  const auto form = call->body<WebhookForm>();
  if (!form) return;
  const std::string name(trimmed(form->name.value_or("")));
  if (auto why = wrong_name("name", name)) return call->refuse(*why);
  if (stage.world.webhooks_of(channel->id).size() >= kWebhooksMax) {
    return call->refuse(kTooManyWebhooks);
  }
  const Webhook webhook{stage.world.ids.next(), channel->id, call->user->id, name,
                        crypto::random_token(48)};
  stage.world.put(webhook);
  stage.commit(call, [&stage, call, webhook] { call->answer(webhook_json(stage.world, webhook)); });
}

void rename(const Stage& stage, const Call& call, const Webhook* webhook) {
  if (webhook == nullptr) return;
  const auto form = call->body<WebhookForm>();
  if (!form) return;
  Webhook changed = *webhook;
  if (form->name) {
    if (auto why = wrong_name("name", *form->name)) return call->refuse(*why);
    changed.name = *form->name;
  }
  stage.world.put(changed);
  stage.commit(call, [&stage, call, changed] { call->answer(webhook_json(stage.world, changed)); });
}

void remove(const Stage& stage, const Call& call, const Webhook* webhook) {
  if (webhook == nullptr) return;
  stage.world.remove_webhook(Snowflake{webhook->id});
  stage.commit(call, [call] { call->no_content(); });
}

void execute(const Stage& stage, Poster& poster, const Call& call) {
  const Webhook* const webhook = with_token(stage, call);
  if (webhook == nullptr) return;
  Post post;
  auto form = read_post(call, poster.options().files_bytes_max, post.files);
  if (!form) return;
  if (form->username) {
    if (auto why = wrong_name("username", *form->username)) return call->refuse(*why);
  }
  // It neither replies nor is a nonce of its own known ("Execute Webhook").
  form->message_reference.reset();
  form->nonce.reset();
  form->enforce_nonce = false;
  post.channel = webhook->channel;
  post.author = webhook->id;
  post.webhook = true;
  post.permissions = permission::kMentionEveryone;
  post.face.id = text_of(webhook->id);
  post.face.username = form->username.value_or(webhook->name);
  post.face.discriminator = "0000";
  post.face.bot = true;
  post.form = std::move(*form);
  const bool wait = call->query("wait") == "true" || call->query("wait") == "1";
  poster.post(std::move(post), [call, wait](const Outcome<Said>& said) {
    if (!said) return call->refuse(said.why);
    if (!wait) return call->no_content();
    call->answer(said->json);
  });
}

void fetch(const Stage& stage, const Call& call) {
  const Webhook* const webhook = with_token(stage, call);
  if (webhook == nullptr) return;
  Wanted wanted;
  wanted.channels = {webhook->channel};
  wanted.only = call->id("message");
  stage.read(call, [&archive = stage.archive, call, wanted, own = text_of(webhook->id)] {
    const auto found = archive.history(wanted);
    if (!found) return call->refuse(found.why);
    if (wanted.only == 0 || found->messages.empty() ||
        found->messages.front().form.author.id != own) {
      return call->refuse(discord::error_code::kUnknownMessage);
    }
    call->answer(found->messages.front().json);
  });
}

void edit(const Stage& stage, Poster& poster, const Call& call) {
  const Webhook* const webhook = with_token(stage, call);
  const Channel* const channel =
      webhook == nullptr ? nullptr : stage.world.channel(webhook->channel);
  if (channel == nullptr) return;
  const auto form = call->body<PostForm>();
  if (!form) return;
  poster.edit(*channel, call->id("message"), webhook->id, true, permission::kMentionEveryone, *form,
              [call](const Outcome<Said>& said) {
                if (!said) return call->refuse(said.why);
                call->answer(said->json);
              });
}

void erase(const Stage& stage, Poster& poster, const Call& call) {
  const Webhook* const webhook = with_token(stage, call);
  const Channel* const channel =
      webhook == nullptr ? nullptr : stage.world.channel(webhook->channel);
  if (channel == nullptr) return;
  poster.remove(*channel, call->id("message"), webhook->id, [call](const Outcome<Nothing>& gone) {
    if (!gone) return call->refuse(gone.why);
    call->no_content();
  });
}

}  // namespace

void install_webhooks(Rest& rest, const Stage& stage, Poster& poster, Interactions& interactions) {
  rest.post("/channels/{channel}/webhooks", [&](const Call& call) { make(stage, call); });
  rest.get("/channels/{channel}/webhooks", [&](const Call& call) {
    const Channel* const channel = stage.channel(call, permission::kManageWebhooks);
    if (channel == nullptr) return;
    std::vector<std::string> all;
    for (const Webhook* const one : stage.world.webhooks_of(channel->id)) {
      all.push_back(webhook_json(stage.world, *one));
    }
    call->answer(array_of(all));
  });
  const std::string one = "/webhooks/{webhook}", open = one + "/{token}";
  const std::string message = open + "/messages/{message}";
  rest.get(one, [&](const Call& call) {
    if (const auto* const its = managed(stage, call)) call->answer(webhook_json(stage.world, *its));
  });
  rest.patch(one, [&](const Call& call) { rename(stage, call, managed(stage, call)); });
  rest.remove(one, [&](const Call& call) { remove(stage, call, managed(stage, call)); });
  rest.get(
      open,
      [&](const Call& call) {
        const auto* const its = with_token(stage, call);
        if (its != nullptr) call->answer(webhook_json(stage.world, *its));
      },
      Who::Anyone);
  rest.patch(
      open, [&](const Call& call) { rename(stage, call, with_token(stage, call)); }, Who::Anyone);
  rest.remove(
      open, [&](const Call& call) { remove(stage, call, with_token(stage, call)); }, Who::Anyone);
  // What an application says under an interaction's token comes by the same doors.
  rest.add({http::Method::Post, open, Who::Anyone,
            [&](const Call& call) {
              if (!interactions.follow_up(call)) execute(stage, poster, call);
            },
            true, false, poster.options().files_bytes_max + 256 * 1024});
  rest.get(
      message,
      [&](const Call& call) {
        if (!interactions.fetch(call)) fetch(stage, call);
      },
      Who::Anyone);
  rest.patch(
      message,
      [&](const Call& call) {
        if (!interactions.edit(call)) edit(stage, poster, call);
      },
      Who::Anyone);
  rest.remove(
      message,
      [&](const Call& call) {
        if (!interactions.erase(call)) erase(stage, poster, call);
      },
      Who::Anyone);
}

}  // namespace hub
