#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hub/world.h"

namespace hub {

// The tokens that people read from disk: of the local person and of the cast's bots. tokens.json is
// written once, mode 600; the world keeps only hashes. A token that is not in the file, or does not
// open any account, is made anew.
class Accounts {
 public:
  static Result<Accounts> open(World& world, const std::string& path);

  // Empty when there is no such account.
  std::string token(std::string_view account) const;

 private:
  std::map<std::string, std::string, std::less<>> tokens_;
};

// A new token of this user, whose former one opens nothing any more. It looks as Discord's do: some
// libraries read the user's id from its first part.
std::string renew_token(World& world, const User& user);

}  // namespace hub
