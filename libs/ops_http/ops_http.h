#pragma once

#include <memory>

#include "base/result.h"
#include "http/http.h"

// Operator doors on loopback and the compose network, carried by cpp-httplib: a thread per
// connection, up to the limit of connections; one thread more is kept for /health and /ready, so
// that health is answered under any load while everything else gets 503 "overloaded" at the limit.
namespace ops_http {

// Opens a door. Handlers run on the connection's own thread and may block or answer later from any
// other thread. Bodies are counted while they arrive, also when chunked. The listening socket's
// backlog is raised to 1024 (cpp-httplib asks for 5).
Result<std::unique_ptr<http::Server>> listen(http::ServerOptions options, http::Handler handler);

}  // namespace ops_http
