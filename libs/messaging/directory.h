#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "messaging/discovery.h"

namespace messaging {

// Tells a node which instances of all services there are. Belongs to the node's thread; neither
// function waits for anything slower than a local file.
class Directory {
 public:
  virtual ~Directory() = default;
  // Whether instances() may answer differently from the last time.
  virtual bool changed() = 0;
  virtual std::vector<Instance> instances() = 0;
};

// The processes of one machine: the files of the run directory.
std::unique_ptr<Directory> make_run_directory(std::string run_dir);

// The containers of a compose network: each service's name stands in DNS with one A or AAAA record
// an instance, its RPC on a port known beforehand, its events one thousand above.
struct NamedService {
  std::string name;
  int rpc_port = 0;
};
// The addresses of a name, empty when there is no such name, nothing when nobody could be asked:
// then what was known holds on. May block; called on a thread of its own.
using Resolve = std::function<std::optional<std::vector<std::string>>(const std::string& name)>;
Resolve system_resolver();
std::unique_ptr<Directory> make_dns_directory(std::vector<NamedService> services, Resolve resolve,
                                              Milliseconds interval = Milliseconds(1000));

}  // namespace messaging
