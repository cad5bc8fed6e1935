#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>

#include "libs/net/raw_peer.h"
#include "net/net.h"
#include "support/temp_dir.h"

// Certificates made for one test, and peers that speak TLS exactly as a test tells them to.
namespace net {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

// An authority that nobody else trusts, and what it signs.
class Authority {
 public:
  Authority() : key_(EVP_EC_gen("P-256")), certificate_(made(unique_name(), key_, kDay)) {
    extend(certificate_, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
    save(folder_.file("ca.pem"), certificate_);
    save(ca_key_file(), key_);
  }

  std::string ca_file() const { return folder_.file("ca.pem"); }
  std::string ca_key_file() const { return folder_.file("ca.key"); }

  static constexpr long kDay = 24 * 3600;

  // Signs a certificate for `names` ("DNS:a,IP:b"), valid from a day ago for `seconds` from now.
  TlsFiles issue(const std::string& names, long seconds = kDay,
                 const std::string& common_name = "peer") {
    const std::string stem = folder_.file(std::to_string(++issued_));
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = made(common_name, key, seconds);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
    extend(certificate, NID_subject_alt_name, names.c_str());
    X509_sign(certificate.get(), key_.get(), EVP_sha256());
    save(stem + ".pem", certificate);
    save(stem + ".key", key);
    return {stem + ".pem", stem + ".key"};
  }

  const support::TempDir& folder() const { return folder_; }

 private:
  // Two authorities are not to be mistaken for each other.
  static std::string unique_name() {
    static int count = 0;
    return "authority " + std::to_string(++count);
  }
  static Certificate made(const std::string& common, const Key& key, long seconds) {
    static long serial = 0;
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds);
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    X509_set_pubkey(certificate.get(), key.get());
    return certificate;
  }
  static void extend(const Certificate& certificate, int what, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void save(const std::string& path, const Certificate& certificate) {
    FILE* file = fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate.get());
    fclose(file);
  }

  static void save(const std::string& path, const Key& key) {
    FILE* file = fopen(path.c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
  }

  support::TempDir folder_;
  Key key_;
  Certificate certificate_;
  int issued_ = 0;
};

// TLS on a peer's socket. Blocking; the socket's own time-outs hold.
class RawTls {
 public:
  enum class Role { Client, Server };

  RawTls(RawPeer peer, Role role, const TlsFiles& files = {}, int version_max = 0)
      : peer_(std::move(peer)),
        context_(SSL_CTX_new(role == Role::Client ? TLS_client_method() : TLS_server_method())) {
    SSL_CTX_set_security_level(context_.get(), version_max == 0 ? 1 : 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    if (role == Role::Server) {
      SSL_CTX_use_certificate_file(context_.get(), files.certificate_file.c_str(),
                                   SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_.get(), files.key_file.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), peer_.handle());
    ERR_clear_error();
    ready_ = (role == Role::Client ? SSL_connect(ssl_.get()) : SSL_accept(ssl_.get())) == 1;
  }

  bool ready() const { return ready_; }
  std::string server_name() const {
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }

  void send(std::string_view bytes) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string read_until(std::string_view mark) {
    std::size_t found = seen_.find(mark);
    while (found == std::string::npos && receive()) found = seen_.find(mark);
    const std::size_t end = found == std::string::npos ? seen_.size() : found + mark.size();
    std::string result = seen_.substr(0, end);
    seen_.erase(0, end);
    return result;
  }
  std::string read_all() {
    while (receive()) {
    }
    return std::exchange(seen_, {});
  }
  // Whether the end of read_all() was said, and not just a closed connection.
  bool ended_well() const { return ended_well_; }

  // Ends as TLS wants it; close() does not.
  void shut_down() { SSL_shutdown(ssl_.get()); }
  void close() { peer_.close(); }

 private:
  bool receive() {
    std::array<char, 16384> piece;
    const int got = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (got > 0) {
      seen_.append(piece.data(), static_cast<std::size_t>(got));
      return true;
    }
    ended_well_ = SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
    return false;
  }

  RawPeer peer_;
  std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, Freed<SSL_free>> ssl_;
  bool ready_ = false;
  bool ended_well_ = false;
  std::string seen_;
};

}  // namespace net
