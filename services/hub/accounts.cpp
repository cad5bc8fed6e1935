#include "hub/accounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/crypto.h"
#include "json/json.h"

namespace hub {
namespace {

// By a new file and a rename, so that a crash leaves the old one or the new one.
Result<void> write_private(const std::string& path, std::string_view text) {
  const std::string next = path + ".new";
  const int file = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool good = file >= 0 &&
                    ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  std::error_code error;
  if (good) std::filesystem::rename(next, path, error);
  if (good && !error) return {};
  return Error{Code::PermissionDenied, fmt::format("{}: cannot be written", path)};
}

std::map<std::string, std::string, std::less<>> read_tokens(const std::string& path) {
  std::map<std::string, std::string, std::less<>> tokens;
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  const auto document = json::Document::parse(text.str());
  if (!document) return tokens;
  document.value().root().each_member([&](std::string_view name, json::Value value) {
    tokens[std::string(name)] = value.string();
  });
  return tokens;
}

}  // namespace

std::string renew_token(World& world, const User& user) {
  const std::string token = fmt::format("{}.{}.{}", crypto::base64url(text_of(user.id)),
                                        crypto::random_token(4), crypto::random_token(27));
  User changed = user;
  changed.token_hash = crypto::hex(crypto::sha256(token));
  world.put(std::move(changed));
  return token;
}

Result<Accounts> Accounts::open(World& world, const std::string& path) {
  Accounts accounts;
  const auto there = read_tokens(path);
  std::vector<const User*> users;
  for (const auto& [guild, its] : world.all_guilds()) {
    for (const Member* const member : world.members_of(guild)) {
      const User* const user = world.user(member->user);
      if (user != nullptr && !user->account.empty()) users.push_back(user);
    }
  }
  json::Writer writer;
  writer.begin_object();
  for (const User* const user : users) {
    const auto found = there.find(user->account);
    const auto owner = found == there.end() ? std::nullopt : world.identify(found->second);
    std::string token =
        owner && owner->user == user->id ? found->second : renew_token(world, *user);
    writer.key(user->account);
    writer.string(token);
    accounts.tokens_[user->account] = std::move(token);
  }
  writer.end_object();
  if (accounts.tokens_ != there) TRY(write_private(path, writer.take() + "\n"));
  return accounts;
}

std::string Accounts::token(std::string_view account) const {
  const auto found = tokens_.find(account);
  return found == tokens_.end() ? std::string{} : found->second;
}

}  // namespace hub
