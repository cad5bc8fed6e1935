#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace net {

namespace ssl = asio::ssl;

class TlsContext {
 public:
  explicit TlsContext(ssl::context::method method) : context(method) {
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Sessions are resumed by tickets; nothing is kept here for clients that come once.
    SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  }

  ssl::context context;
};

namespace {

// The longest record that TLS knows.
constexpr std::size_t kRecordBytes = 16 * 1024;

int reason_of(const error_code& failed) {
  if (failed.category() != asio::error::get_ssl_category()) return 0;
  return ERR_GET_REASON(static_cast<unsigned long>(failed.value()));
}

class TlsStream final : public Tls, public std::enable_shared_from_this<TlsStream> {
 public:
  TlsStream(Socket socket, TlsContext& context, ssl::stream_base::handshake_type role,
            std::string host)
      : stream_(std::move(socket), context.context), role_(role), host_(std::move(host)) {}

  // Whatever is under way keeps the stream alive.
  auto keeping(IoHandler done) {
    return [self = shared_from_this(), done = std::move(done)](
               const error_code& failed, std::size_t bytes) mutable { done(failed, bytes); };
  }

  SSL* handle() { return stream_.native_handle(); }
  Socket& socket() override { return stream_.next_layer(); }

  void handshake(IoHandler done) override {
    stream_.async_handshake(role_, [self = shared_from_this(), done = std::move(done)](
                                       const error_code& failed) mutable { done(failed, 0); });
  }
  void read_some(asio::mutable_buffer to, IoHandler done) override {
    stream_.async_read_some(asio::mutable_buffer(to), keeping(std::move(done)));
  }
  asio::mutable_buffer room() override { return asio::buffer(record_); }
  void write_some(std::size_t bytes, IoHandler done) override {
    stream_.async_write_some(asio::buffer(record_.data(), bytes), keeping(std::move(done)));
  }
  bool pending() override {
    return SSL_has_pending(handle()) == 1 || BIO_ctrl_pending(SSL_get_rbio(handle())) > 0;
  }
  void shut_down(IoHandler done) override {
    stream_.async_shutdown([self = shared_from_this(), done = std::move(done)](
                               const error_code& failed) mutable { done(failed, 0); });
  }

  std::string explain(const error_code& failed) const override {
    SSL* const handle = const_cast<ssl::stream<Socket>&>(stream_).native_handle();
    const long verified = SSL_get_verify_result(handle);
    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
      return fmt::format("certificate of {}: name mismatch, it is for another host", host_);
    }
    if (verified != X509_V_OK) {
      return fmt::format("certificate of {}: {}", host_, X509_verify_cert_error_string(verified));
    }
    const int reason = reason_of(failed);
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
      return "TLS handshake: the peer does not speak TLS";
    }
    return "TLS handshake: " + failed.message();
  }

 private:
  ssl::stream<Socket> stream_;
  const ssl::stream_base::handshake_type role_;
  const std::string host_;
  std::array<char, kRecordBytes> record_;
};

std::shared_ptr<TlsStream> secure(Stream& stream, TlsContext& context,
                                  ssl::stream_base::handshake_type role, std::string host) {
  auto tls = std::make_shared<TlsStream>(stream.release(), context, role, std::move(host));
  stream.set_tls(tls);
  return tls;
}

Error bad_file(std::string_view what, const std::string& path, const error_code& failed) {
  return Error{Code::InvalidArgument, fmt::format("{} '{}': {}", what, path, failed.message())};
}

}  // namespace

Result<std::shared_ptr<TlsContext>> server_context(const TlsFiles& files) {
  const auto made = std::make_shared<TlsContext>(ssl::context::tls_server);
  error_code failed;
  made->context.use_certificate_chain_file(files.certificate_file, failed);
  if (failed) return bad_file("certificate file", files.certificate_file, failed);
  made->context.use_private_key_file(files.key_file, ssl::context::pem, failed);
  if (failed) return bad_file("key file", files.key_file, failed);
  return made;
}

Result<std::shared_ptr<TlsContext>> client_context(Loop::Impl& loop, const std::string& ca_file) {
  if (const auto found = loop.tls_contexts.find(ca_file); found != loop.tls_contexts.end()) {
    return found->second;
  }
  const auto made = std::make_shared<TlsContext>(ssl::context::tls_client);
  error_code failed;
  if (ca_file.empty()) {
    made->context.set_default_verify_paths(failed);
  } else {
    made->context.load_verify_file(ca_file, failed);
  }
  if (failed) return bad_file("CA file", ca_file, failed);
  made->context.set_verify_mode(ssl::verify_peer);
  loop.tls_contexts.emplace(ca_file, made);
  return made;
}

void secure_server(Stream& stream, TlsContext& context) {
  secure(stream, context, ssl::stream_base::server, {});
}

bool secure_client(Stream& stream, TlsContext& context, const std::string& host) {
  SSL* const handle = secure(stream, context, ssl::stream_base::client, host)->handle();
  error_code not_address;
  const auto address = asio::ip::make_address(host, not_address);
  if (!not_address) {
    // Its bytes: OpenSSL does not read every text that Asio reads, such as one with a zone.
    const auto verify = [handle](const auto& bytes) {
      return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(handle), bytes.data(), bytes.size()) == 1;
    };
    return address.is_v4() ? verify(address.to_v4().to_bytes())
                           : verify(address.to_v6().to_bytes());
  }
  // A name stands among the alternative names or nowhere (RFC 9110 section 4.3.4).
  SSL_set_hostflags(handle,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // SSL_set_tlsext_host_name is a macro with a cast that does not compile here.
  SSL_ctrl(handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(host.c_str()));
  return SSL_set1_host(handle, host.c_str()) == 1;
}

bool plain_http(const error_code& failed) { return reason_of(failed) == SSL_R_HTTP_REQUEST; }

}  // namespace net
