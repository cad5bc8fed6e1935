#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "messaging/client.h"
#include "quality/profile.h"

namespace quality {

// The cast as the characters service last told it; kept while that is away. Asks on a thread of its
// own: when a character changes, and now and then. Thread-safe.
class CastSource final : public CastView {
 public:
  CastSource(messaging::Client characters, Milliseconds refresh);
  ~CastSource() override;

  std::shared_ptr<const Cast> cast() const override;

 private:
  struct Bell;  // rung by events; shared, since the node may outlive the source

  void run(const std::stop_token& stop);
  void ask();
  void replace(std::vector<contracts::Character> characters);

  const messaging::Client characters_;
  const Milliseconds refresh_;
  const std::shared_ptr<Bell> bell_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Cast> cast_;

  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace quality
