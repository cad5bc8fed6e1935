#include "llm/reach.h"

#include <gtest/gtest.h>

namespace llm {
namespace {

TEST(Reach, StaysWithinTheNetwork) {
  for (const auto* const url :
       {"http://127.0.0.1:11434", "http://localhost:8000/v1", "http://LOCALHOST",
        "http://[::1]:1/a", "http://10.1.2.3", "http://172.16.0.1", "http://172.31.255.255",
        "http://192.168.1.7:80", "http://169.254.1.1", "http://100.64.0.1", "http://[fd00::1]",
        "http://[fe80::1]", "http://[::ffff:10.0.0.1]", "http://ollama:11434", "http://gpu.local",
        "http://gpu.lan/", "http://gpu.home.arpa.", "http://host.docker.internal:1",
        "http://a.localhost?b=c.com"}) {
    EXPECT_FALSE(leaves_network(url)) << url;
  }
}

TEST(Reach, TakesTheAddressThatIsNoneForThisHost) {
  for (const auto* const url : {"http://0.0.0.0:11434", "http://[::]:11434"}) {
    EXPECT_FALSE(leaves_network(url)) << url;
  }
}

TEST(Reach, LeavesTheNetwork) {
  for (const auto* const url :
       {"https://api.openai.com/v1", "http://8.8.8.8", "http://172.32.0.1", "http://172.15.0.1",
        "http://192.169.0.1", "http://100.128.0.1", "http://11.0.0.1", "http://[2001:db8::1]:80",
        "http://[::ffff:8.8.8.8]", "https://api.openai.com#.local", "https://api.groq.com:443",
        "http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://notlocal.lan.de",
        "http://1.0.0.0", "http://[::8:8]", "http://134744072", "http://0x08.8.8.8",
        "http://8.8"}) {
    EXPECT_TRUE(leaves_network(url)) << url;
  }
}

}  // namespace
}  // namespace llm
