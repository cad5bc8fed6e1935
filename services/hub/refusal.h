#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace hub {

// Why a request is not done, as Discord's clients expect to be told: a status, the code of its
// reference ("JSON Error Codes") and its words. Plain values.
struct Refusal {
  int status = 500;
  int code = 0;
  std::string message;
  std::string errors = {};  // JSON of 50035's "errors", or empty

  std::string json() const;
};

// The status and words that belong to one of discord::error_code.
Refusal refusal(int code);
// 50035 about one member of the form; `kind` as Discord has it, such as "BASE_TYPE_MAX_LENGTH".
Refusal invalid_form(std::string_view member, std::string_view kind, std::string_view message);
// 50035 about a name that is not harmless() (wire.h).
Refusal unfit_name(std::string_view member);
// Our own trouble: 503 where asking again may help, else 500.
Refusal refusal_of(const Error& error);

// A value, or why there is none.
template <class T>
struct Outcome {
  Outcome(T given) : value(std::move(given)) {}
  Outcome(Refusal given) : why(std::move(given)) {}
  Outcome(const Error& trouble) : why(refusal_of(trouble)) {}

  explicit operator bool() const { return value.has_value(); }
  T& operator*() { return *value; }
  const T& operator*() const { return *value; }
  T* operator->() { return &*value; }
  const T* operator->() const { return &*value; }

  std::optional<T> value;
  Refusal why;
};

template <class T>
using Done = std::function<void(Outcome<T>)>;

struct Nothing {};

}  // namespace hub
