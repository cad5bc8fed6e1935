#pragma once

#include <functional>
#include <memory>
#include <string>

#include "contracts/hub.h"
#include "hub/accounts.h"
#include "hub/attachments.h"
#include "hub/config.h"
#include "hub/page_files.h"
#include "hub/rest.h"
#include "runtime/runtime.h"

namespace hub {

// What is not Discord's, or says where the rest is: sessions of people, accounts of bots, the
// Gateway's address, the page, attachments. Lives on the loop's thread.
class Front {
 public:
  Front(const Stage& stage, const Config& config, const Accounts& accounts,
        const Attachments& attachments, PageFiles page)
      : stage_(stage),
        config_(config),
        accounts_(accounts),
        attachments_(attachments),
        page_(std::move(page)) {}

  // Once the door is open: "http://127.0.0.1:6020".
  void set_url(std::string url) { url_ = std::move(url); }
  const std::string& url() const { return url_; }
  std::string gateway_url() const;

  // What ends the Gateway's sessions of a bot whose token has become void.
  void on_renewed(std::function<void(Snowflake)> end_sessions) {
    end_sessions_ = std::move(end_sessions);
  }

  void install(Rest& rest);
  void install(runtime::Doors& doors);
  // The handler of the door: Discord's API, the page, and `others` for what is left.
  http::Handler handler(Rest& rest, http::Handler others);

 private:
  void session(const Call& call) const;
  void joined(Snowflake user) const;
  void serve_attachment(const http::Request& request,
                        const std::shared_ptr<http::Reply>& reply) const;

  const Stage& stage_;
  const Config& config_;
  const Accounts& accounts_;
  const Attachments& attachments_;
  PageFiles page_;
  std::string url_;
  std::function<void(Snowflake)> end_sessions_ = [](Snowflake) {};
};

}  // namespace hub
