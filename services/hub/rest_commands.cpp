#include <algorithm>

#include "base/utf8.h"
#include "hub/forms.h"
#include "hub/routes.h"

// Application commands, and the doors of interactions.
namespace hub {
namespace {

constexpr std::size_t kCommandsMax = 100;  // of an application in one place

struct CommandForm {
  std::optional<std::string> name;
  std::optional<std::string> description;
  int type = discord::command_type::kChatInput;
  std::optional<json::Text> options;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 128});
    visit("description", self.description, Field{.bytes_max = 400});
    visit("type", self.type, Field{.min = 1, .max = 3, .defaulted = true});
    visit("options", self.options, Field{.bytes_max = 32 * 1024});
  }
};

// The application and guild (0: everywhere) of the path; false when it has refused.
bool place(const Stage& stage, const Call& call, Snowflake& guild) {
  if (call->id("application") != call->user->id) {
    call->refuse(kForeignApplication);
    return false;
  }
  guild = 0;
  if (call->text("guild").empty()) return true;
  const Guild* const its = stage.guild(call);
  if (its == nullptr) return false;
  guild = its->id;
  return true;
}

std::optional<Refusal> apply(const CommandForm& form, AppCommand& command) {
  if (form.name) command.name = *form.name;
  if (form.description) command.description = *form.description;
  if (form.options && form.options->text != "null") command.options = *form.options;
  if (trimmed(command.name).empty() || utf8_length(command.name) > 32) {
    return invalid_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.");
  }
  if (!harmless(command.name)) return unfit_name("name");
  const bool slash = command.type == discord::command_type::kChatInput;
  if (slash &&
      (command.name.find(' ') != std::string::npos || ascii_lower(command.name) != command.name)) {
    return invalid_form("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
  }
  if (slash && (command.description.empty() || utf8_length(command.description) > 100)) {
    return invalid_form("description", "BASE_TYPE_BAD_LENGTH",
                        "Must be between 1 and 100 in length.");
  }
  if (!command.options.text.starts_with('[')) {
    return invalid_form("options", "LIST_TYPE_CONVERT", "Must be a list.");
  }
  return std::nullopt;
}

// The same name and type is the same command, changed.
AppCommand base_of(const World& world, Snowflake application, Snowflake guild,
                   const CommandForm& form) {
  for (const AppCommand* const one : world.commands_of(application, guild)) {
    if (form.name && one->name == *form.name && one->type == form.type) return *one;
  }
  AppCommand fresh;
  fresh.application = application;
  fresh.guild = guild;
  fresh.type = form.type;
  return fresh;
}

std::string list_json(const World& world, Snowflake application, Snowflake guild) {
  std::vector<std::string> all;
  for (const AppCommand* const one : world.commands_of(application, guild)) {
    all.push_back(command_json(*one));
  }
  return array_of(all);
}

void make(const Stage& stage, const Call& call) {
  Snowflake guild = 0;
  if (!place(stage, call, guild)) return;
  const auto form = call->body<CommandForm>();
  if (!form) return;
  AppCommand command = base_of(stage.world, call->user->id, guild, *form);
  if (auto why = apply(*form, command)) return call->refuse(*why);
  const bool fresh = command.id == 0;
  if (fresh && stage.world.commands_of(call->user->id, guild).size() >= kCommandsMax) {
    return call->refuse(kTooManyCommands);
  }
  if (fresh) command.id = stage.world.ids.next();
  stage.world.put(command);
  stage.commit(call,
               [call, command, fresh] { call->answer(command_json(command), fresh ? 201 : 200); });
}

// All of them anew; the body is a list.
void overwrite(const Stage& stage, const Call& call) {
  Snowflake guild = 0;
  if (!place(stage, call, guild)) return;
  const auto document = json::Document::parse(call->request.body);
  if (!document || !document.value().root().is(json::Kind::Array)) {
    return call->refuse(kInvalidJson);
  }
  const json::Value list = document.value().root();
  if (list.size() > kCommandsMax) return call->refuse(kTooManyCommands);
  std::vector<AppCommand> wanted;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto form = json::decode<CommandForm>(list.at(i));
    if (!form) return call->refuse_body(form.error().message);
    AppCommand command = base_of(stage.world, call->user->id, guild, form.value());
    if (auto why = apply(form.value(), command)) return call->refuse(*why);
    wanted.push_back(std::move(command));
  }
  std::vector<Snowflake> gone;
  for (const AppCommand* const one : stage.world.commands_of(call->user->id, guild)) {
    const bool stays = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const AppCommand& its) { return its.id == one->id; });
    if (!stays) gone.push_back(one->id);
  }
  for (const Snowflake id : gone) stage.world.remove_command(id);
  for (AppCommand& command : wanted) {
    if (command.id == 0) command.id = stage.world.ids.next();
    stage.world.put(command);
  }
  stage.commit(
      call, [&stage, call, guild] { call->answer(list_json(stage.world, call->user->id, guild)); });
}

// The command that the path names; has refused when there is none.
const AppCommand* named(const Stage& stage, const Call& call) {
  Snowflake guild = 0;
  if (!place(stage, call, guild)) return nullptr;
  const AppCommand* const its = stage.world.command(call->id("command"));
  if (its != nullptr && its->application == call->user->id && its->guild == guild) return its;
  call->refuse(discord::error_code::kUnknownCommand);
  return nullptr;
}

void edit(const Stage& stage, const Call& call) {
  const AppCommand* const its = named(stage, call);
  if (its == nullptr) return;
  const auto form = call->body<CommandForm>();
  if (!form) return;
  AppCommand changed = *its;
  if (auto why = apply(*form, changed)) return call->refuse(*why);
  stage.world.put(changed);
  stage.commit(call, [call, changed] { call->answer(command_json(changed)); });
}

}  // namespace

void install_commands(Rest& rest, const Stage& stage, Interactions& interactions) {
  for (const char* const path : {"/applications/@me", "/oauth2/applications/@me"}) {
    rest.get(
        path,
        [&world = stage.world](const Call& call) {
          call->answer(application_json(world, *call->user));
        },
        Who::Bot);
  }
  for (const char* const path : {"/applications/{application}/commands",
                                 "/applications/{application}/guilds/{guild}/commands"}) {
    const std::string list = path, one = list + "/{command}";
    rest.get(
        list,
        [&](const Call& call) {
          Snowflake guild = 0;
          if (!place(stage, call, guild)) return;
          call->answer(list_json(stage.world, call->user->id, guild));
        },
        Who::Bot);
    rest.post(
        list, [&](const Call& call) { make(stage, call); }, Who::Bot);
    rest.put(
        list, [&](const Call& call) { overwrite(stage, call); }, Who::Bot);
    rest.get(
        one,
        [&](const Call& call) {
          if (const auto* const its = named(stage, call)) call->answer(command_json(*its));
        },
        Who::Bot);
    rest.patch(
        one, [&](const Call& call) { edit(stage, call); }, Who::Bot);
    rest.remove(
        one,
        [&](const Call& call) {
          const AppCommand* const its = named(stage, call);
          if (its == nullptr) return;
          stage.world.remove_command(Snowflake{its->id});
          stage.commit(call, [call] { call->no_content(); });
        },
        Who::Bot);
  }
  rest.get(
      "/guilds/{guild}/application-command-index",
      [&](const Call& call) {
        const Guild* const guild = stage.guild(call);
        if (guild == nullptr) return;
        std::vector<std::string> all;
        for (const auto* const one : stage.world.commands_in(guild->id)) {
          all.push_back(command_json(*one));
        }
        call->answer(fmt::format("{{\"application_commands\":{}}}", array_of(all)));
      },
      Who::Person);
  rest.post(
      "/interactions", [&](const Call& call) { interactions.call(call); }, Who::Person);
  Rest::Route callback{http::Method::Post, "/interactions/{interaction}/{token}/callback",
                       Who::Anyone, [&](const Call& call) { interactions.respond(call); }};
  callback.global = false;
  rest.add(std::move(callback));
}

}  // namespace hub
