#pragma once

#include <string>
#include <vector>

#include "hub/wire.h"
#include "hub/world.h"

// The world's things as Discord's API shows them (API reference, "Resources"). Pure.
namespace hub {

UserForm user_form(const User& user);
std::string user_json(const User& user);
// Without its user, as a message or a mention has it.
std::string member_json(const Member& member);
std::string member_json(const Member& member, const User& user);
std::string role_json(const Role& role);
std::string channel_json(const World& world, const Channel& channel, Snowflake reader);
// As GET /guilds/{id} and the list of /users/@me/guilds have it.
std::string guild_json(const Guild& guild);
std::string own_guild_json(const Guild& guild, bool owner, std::uint64_t permissions);
// As GUILD_CREATE has it, for one who sees only some of the channels.
std::string whole_guild_json(const World& world, const Guild& guild, Snowflake reader,
                             const Presences* presences);
std::string webhook_json(const World& world, const Webhook& webhook);
std::string command_json(const AppCommand& command);
std::string application_json(const World& world, const User& bot);

// "[a,b]" of JSON texts.
std::string array_of(const std::vector<std::string>& items);
// `object` with `members` ("\"key\":value,...") at its end.
std::string with_members(std::string_view object, std::string_view members);

}  // namespace hub
