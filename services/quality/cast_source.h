#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "messaging/follower.h"
#include "quality/profile.h"

namespace quality {

// The cast as the characters service last told it; kept while that is away. Thread-safe.
class CastSource final : public CastView {
 public:
  CastSource(const messaging::Client& characters, Milliseconds refresh);

  std::shared_ptr<const Cast> cast() const override;

 private:
  void told(const Result<std::string>& body);

  mutable std::mutex mutex_;
  std::shared_ptr<const Cast> cast_;

  const messaging::Follower follower_;  // last: it ends before what it tells
};

}  // namespace quality
