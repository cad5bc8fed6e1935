#include "base/error.h"

#include <array>
#include <cstddef>

namespace {

struct Row {
  Code code;
  std::string_view name;
  int http_status;
  bool retryable;
};

constexpr std::array<Row, 13> kTable{{
    {Code::InvalidArgument, "invalid_argument", 400, false},
    {Code::Unauthenticated, "unauthenticated", 401, false},
    {Code::PermissionDenied, "permission_denied", 403, false},
    {Code::NotFound, "not_found", 404, false},
    {Code::Conflict, "conflict", 409, false},
    {Code::TooLarge, "too_large", 413, false},
    {Code::Overloaded, "overloaded", 429, true},
    {Code::Cancelled, "cancelled", 499, false},
    {Code::DeadlineExceeded, "deadline_exceeded", 504, false},
    {Code::Unavailable, "unavailable", 503, true},
    {Code::Unimplemented, "unimplemented", 501, false},
    {Code::DataLoss, "data_loss", 500, false},
    {Code::Internal, "internal", 500, false},
}};

const Row& row(Code code) { return kTable.at(static_cast<std::size_t>(code)); }

}  // namespace

std::string_view name(Code code) { return row(code).name; }

Code code_from_name(std::string_view name) {
  for (const auto& entry : kTable) {
    if (entry.name == name) return entry.code;
  }
  return Code::Internal;
}

int http_status(Code code) { return row(code).http_status; }

Code code_from_http_status(int status) {
  if (status == 500) return Code::Internal;  // not DataLoss, which has the same status
  for (const auto& entry : kTable) {
    if (entry.http_status == status) return entry.code;
  }
  if (status == 405) return Code::Unimplemented;
  if (status == 408) return Code::DeadlineExceeded;
  if (status == 502) return Code::Unavailable;
  return status < 500 ? Code::InvalidArgument : Code::Internal;
}

bool retryable(Code code) { return row(code).retryable; }
