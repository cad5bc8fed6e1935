#pragma once

#include <memory>
#include <string>

#include "net/net.h"
#include "net/stream.h"

// TLS 1.2 and 1.3 (OpenSSL inside). Contexts are made on first use: a process that never speaks TLS
// pays nothing. Not for other libraries: it shows Asio.
namespace net {

class TlsContext;

// The context of a door; InvalidArgument when a file cannot be used.
Result<std::shared_ptr<TlsContext>> server_context(const TlsFiles& files);

// The loop's context for clients that trust `ca_file` alone, or the system's authorities when it is
// empty. Loop thread only.
Result<std::shared_ptr<TlsContext>> client_context(Loop::Impl& loop, const std::string& ca_file);

// Puts TLS over the stream's socket; its handshake comes next. The client verifies the chain and
// that the certificate is for `host` (a DNS name or an IP address); when it cannot, it says false,
// and no handshake may follow.
void secure_server(Stream& stream, TlsContext& context);
[[nodiscard]] bool secure_client(Stream& stream, TlsContext& context, const std::string& host);

// Whether a handshake failed because the client spoke plain HTTP.
bool plain_http(const error_code& failed);

}  // namespace net
