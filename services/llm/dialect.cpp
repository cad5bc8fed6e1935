#include "llm/dialect.h"

namespace llm::talk {

int status_of(const Refusal& refusal) {
  if (refusal.status != 0) return refusal.status;
  // It is not we who cannot be reached.
  if (refusal.error.code == Code::Unavailable) return 502;
  return http_status(refusal.error.code);
}

http::Response refused(const Refusal& refusal, int status, std::string body) {
  auto response = http::Response::json(std::move(body), status);
  if (refusal.retry_after.count() > 0) {
    response.headers.set("retry-after", std::to_string(refusal.retry_after.count()));
  }
  return response;
}

}  // namespace llm::talk
