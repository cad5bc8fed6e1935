#include "retry/breaker.h"

namespace retry {

Breaker::State Breaker::state(SteadyTime now) const {
  if (!open_) return State::Closed;
  return now - opened_ < options_.cool_down ? State::Open : State::HalfOpen;
}

bool Breaker::allow(SteadyTime now) {
  switch (state(now)) {
    case State::Closed:
      return true;
    case State::Open:
      return false;
    case State::HalfOpen:
      break;
  }
  if (probing_) return false;
  probing_ = true;
  return true;
}

void Breaker::succeeded() {
  failures_ = 0;
  open_ = false;
  probing_ = false;
}

void Breaker::failed(SteadyTime now) {
  ++failures_;
  if (open_ || failures_ >= options_.failures_max) {
    open_ = true;
    opened_ = now;
  }
  probing_ = false;
}

std::string_view name(Breaker::State state) {
  switch (state) {
    case Breaker::State::Closed:
      return "closed";
    case Breaker::State::Open:
      return "open";
    case Breaker::State::HalfOpen:
      return "half_open";
  }
  return "closed";
}

}  // namespace retry
