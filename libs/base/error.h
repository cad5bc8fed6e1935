#pragma once

#include <string>
#include <string_view>
#include <utility>

// What went wrong, in few words that every part of Troupe shares. Each code has one row in the
// table of error.cpp: its wire name, its HTTP status, and whether asking again may help.
enum class Code {
  InvalidArgument,
  Unauthenticated,
  PermissionDenied,
  NotFound,
  Conflict,
  TooLarge,
  Overloaded,
  Cancelled,
  DeadlineExceeded,
  Unavailable,
  Unimplemented,
  DataLoss,
  Internal,
};

// The message is for an operator: what was attempted, on what, why not.
struct Error {
  Code code = Code::Internal;
  std::string message;

  Error(Code code_in, std::string message_in) : code(code_in), message(std::move(message_in)) {}
};

// The snake_case wire name, such as "invalid_argument".
std::string_view name(Code code);

// The code with that wire name; Internal when there is none.
Code code_from_name(std::string_view name);

// The HTTP status that a door answers with, such as 400.
int http_status(Code code);

// The code that best describes an HTTP status of 400 or above.
Code code_from_http_status(int status);

// Whether the same call may succeed a moment later.
bool retryable(Code code);
