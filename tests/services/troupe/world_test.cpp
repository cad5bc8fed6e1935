#include "troupe/world.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "support/temp_dir.h"

namespace troupe {
namespace {

TEST(RunProgram, GathersBothOutputsAndTheStatus) {
  const Ran ran =
      run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, std::chrono::seconds(30));
  EXPECT_EQ(ran.status, 3);
  EXPECT_EQ(ran.output, "out\n");
  EXPECT_EQ(ran.error, "err\n");
}

TEST(RunProgram, GivesItNoInput) {
  EXPECT_EQ(run_program({"/bin/cat"}, std::chrono::seconds(30)).output, "");
}

TEST(RunProgram, SaysWhatCannotBeStarted) {
  const Ran ran = run_program({"/nowhere/troupe-llm"}, std::chrono::seconds(30));
  EXPECT_EQ(ran.status, 127);
  EXPECT_EQ(ran.error, "No such file or directory");
}

TEST(RunProgram, KillsWhatDoesNotEndInTime) {
  const Ran ran = run_program({"/usr/bin/tail", "-f", "/dev/null"}, Milliseconds(1));
  EXPECT_EQ(ran.status, 137);
  EXPECT_EQ(ran.error, "no end within 1 ms");
}

TEST(RunProgram, TakesNoMoreThanItsLimit) {
  const Ran ran =
      run_program({"/usr/bin/head", "-c", "3000000", "/dev/zero"}, std::chrono::seconds(30));
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.output.size(), 1024U * 1024);
}

// A Redis that gives each command it receives the next of its answers.
struct FakeRedis {
  support::TempDir dir;
  std::string path = dir.file("redis.sock");
  int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  std::string heard;
  std::jthread thread;

  explicit FakeRedis(std::vector<std::string> answers) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), where.sun_path);
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    EXPECT_EQ(::listen(listener, 1), 0);
    thread = std::jthread([this, answers = std::move(answers)] {
      const int peer = ::accept(listener, nullptr, nullptr);
      std::array<char, 1000> piece{};
      for (const auto& answer : answers) {
        const auto count = ::recv(peer, piece.data(), piece.size(), 0);
        if (count <= 0) break;
        heard.append(piece.data(), static_cast<std::size_t>(count));
        EXPECT_EQ(::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(answer.size()));
      }
      ::close(peer);
    });
  }
  ~FakeRedis() { ::close(listener); }
  Result<std::string> ping() {
    auto answer = ping_redis("unix://" + path, std::chrono::seconds(30));
    thread.join();
    return answer;
  }
};

TEST(PingRedis, GivesTheWordThatItAnswers) {
  FakeRedis redis({"+PONG\r\n"});
  const auto answer = redis.ping();
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value(), "PONG");
  EXPECT_EQ(redis.heard, "*1\r\n$4\r\nPING\r\n");
}

TEST(PingRedis, GivesItsRefusal) {
  FakeRedis redis({"-NOAUTH Authentication required.\r\n"});
  EXPECT_EQ(redis.ping().error().message, "-NOAUTH Authentication required.");
}

TEST(PingRedis, SaysWhenItIsNoRedisOrGoesAway) {
  EXPECT_EQ(FakeRedis({"\r\n"}).ping().error().message, "it does not speak as Redis does");
  EXPECT_EQ(FakeRedis({""}).ping().error().message, "it closed the connection");
}

TEST(PingRedis, RefusesAnAddressThatItCannotRead) {
  const auto refusal = [](const std::string& url) {
    return ping_redis(url, Milliseconds(100)).error().message;
  };
  EXPECT_EQ(refusal("http://x"), "it is neither redis://host:port nor unix:///path");
  EXPECT_EQ(refusal("redis://:pw@"), "it names no host");
  EXPECT_EQ(refusal("unix://" + std::string(200, 'a')), "the socket's path is too long");
  EXPECT_EQ(refusal("unix:///nowhere/redis"), "cannot connect: No such file or directory");
}

}  // namespace
}  // namespace troupe
