#include "retry/breaker.h"

namespace retry {

Breaker::State Breaker::state(SteadyTime now) const {
  if (!open_) return State::Closed;
  return now - opened_ < options_.cool_down ? State::Open : State::HalfOpen;
}

std::optional<Breaker::Pass> Breaker::allow(SteadyTime now) {
  switch (state(now)) {
    case State::Closed:
      return epoch_;
    case State::Open:
      return std::nullopt;
    case State::HalfOpen:
      break;
  }
  if (probing_) return std::nullopt;
  probing_ = true;
  return ++epoch_;
}

void Breaker::succeeded(Pass pass) {
  if (pass != epoch_) return;
  failures_ = 0;
  open_ = false;
  probing_ = false;
}

void Breaker::failed(Pass pass, SteadyTime now) {
  if (pass != epoch_) return;
  ++failures_;
  probing_ = false;
  if (!open_ && failures_ < options_.failures_max) return;
  open_ = true;
  opened_ = now;
  ++epoch_;
}

void Breaker::abandoned(Pass pass) {
  if (pass == epoch_) probing_ = false;
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

Fault fault_of(Code code) {
  switch (code) {
    case Code::DeadlineExceeded:
    case Code::Unavailable:
    case Code::DataLoss:
    case Code::Internal:
      return Fault::Peer;
    case Code::InvalidArgument:
    case Code::NotFound:
    case Code::Conflict:
    case Code::TooLarge:
    case Code::Unimplemented:
      return Fault::Caller;
    // Refused at the door: whether the house is well is not known.
    case Code::Unauthenticated:
    case Code::PermissionDenied:
    case Code::Overloaded:
    case Code::Cancelled:
      return Fault::Nobody;
  }
  return Fault::Nobody;
}

void report(Breaker& breaker, Breaker::Pass pass, Code code, SteadyTime now) {
  switch (fault_of(code)) {
    case Fault::Peer:
      return breaker.failed(pass, now);
    case Fault::Caller:
      return breaker.succeeded(pass);
    case Fault::Nobody:
      return breaker.abandoned(pass);
  }
}

}  // namespace retry
