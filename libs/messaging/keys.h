#pragma once

#include <string>
#include <string_view>

#include "base/fields.h"
#include "base/result.h"

// The CURVE keys (rfc.zeromq.org/spec/26) of a stack whose processes speak over tcp. They stand in
// a directory that the processes share, mode 700:
//   server.key             the pair of all who serve, made by whoever starts first (mode 600)
//   <service>.key          the pair with which a service calls (mode 600)
//   clients/<service>.pub  who may call: each puts its own public key there when it starts
namespace messaging {

// Z85 text of 40 characters each.
struct KeyPair {
  static constexpr std::string_view kName = "key_pair";
  std::string public_key;
  std::string secret_key;

  static void fields(auto& self, auto&& visit) {
    visit("public", self.public_key, Field{.bytes_min = 40, .bytes_max = 40});
    visit("secret", self.secret_key, Field{.bytes_min = 40, .bytes_max = 40});
  }
};

struct Keys {
  std::string directory;
  KeyPair server;
  KeyPair own;
};

// Reads the pairs that `service` needs and makes what is missing; processes may do so at the same
// time. InvalidArgument names the file that cannot be made, read or is no key.
Result<Keys> open_keys(const std::string& directory, const std::string& service);

// The service to which a client's public key (Z85) belongs; empty when it may not call.
std::string owner_of(const std::string& directory, std::string_view public_key);

}  // namespace messaging
