#include "troupe/machine_checks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "contracts/watchdog.h"
#include "services/troupe/checks.h"
#include "support/temp_dir.h"

namespace troupe {
namespace {

struct MachineChecks : testing::Test {
  support::TempDir dir;
  FakeWorld fake;
  Findings findings;

  // An executable file for each program, that prints `printed`.
  void install(const std::string& printed) {
    std::vector<std::string> names{"watchdog"};
    for (const auto name : contracts::kStackServices) names.emplace_back(name);
    for (const auto& name : names) {
      const auto path = dir.write(contracts::command_of(name).front(), "");
      ::chmod(path.c_str(), 0700);
      fake.programs[path] = {0, printed, ""};
    }
  }
  AllSettings programs(const std::string& config = "") {
    return check_programs(fake.world(), dir.path(), config, "/d", "/r", findings);
  }
};

TEST_F(MachineChecks, TakeTheSettingsFromTheProgramsThemselves) {
  install(R"({"port":7})");
  const auto settings = programs("troupe.json");
  EXPECT_EQ(settings.size(), 13U);
  EXPECT_EQ(settings.at("llm").root().number_or("port", 0), 7);
  EXPECT_EQ(shown(findings), "ok programs: all 13 are in " + dir.path() +
                                 "\nok settings: troupe.json is understood by all\n");
  EXPECT_EQ(fake.ran.front(),
            (std::vector<std::string>{dir.file("troupe-watchdog"), "--data", "/d", "--run", "/r",
                                      "--print-config", "--config", "troupe.json"}));
}

TEST_F(MachineChecks, FindAProgramThatIsMissing) {
  install("{}");
  std::filesystem::remove(dir.file("troupe-llm"));
  programs();
  EXPECT_EQ(shown(findings), "fail programs: " + dir.file("troupe-llm") +
                                 ": No such file or directory -> scripts/up --detach\n");
}

TEST_F(MachineChecks, FindAProgramThatDoesNotStart) {
  install("{}");
  fake.programs[dir.file("troupe-llm")] = {127, "", "first\nlibzmq.so.5: cannot open\n"};
  programs();
  EXPECT_EQ(shown(findings), "fail programs: " + dir.file("troupe-llm") +
                                 " does not start (status 127): libzmq.so.5: cannot open -> "
                                 "scripts/up --detach\n");
}

TEST_F(MachineChecks, PassOnWhatAServiceSaysOfItsSettings) {
  install("{}");
  fake.programs[dir.file("troupe-llm")] = {
      2, "", "llm: config /c.json: llm: unknown key 'prot', the closest is 'port'\n"};
  fake.programs[dir.file("troupe-router")] = {2, "",
                                              "router: TROUPE_ROUTER_PORT: cannot read 'x'\n"};
  programs("/c.json");
  EXPECT_EQ(shown(findings),
            "fail settings: llm: config /c.json: llm: unknown key 'prot', the closest is 'port' -> "
            "${EDITOR:-vi} /c.json\n"
            "fail settings: router: TROUPE_ROUTER_PORT: cannot read 'x' -> "
            "unset TROUPE_ROUTER_PORT\n"
            "ok programs: all 13 are in " +
                dir.path() + "\n");
}

TEST_F(MachineChecks, FindDataThatCannotBeMade) {
  check_data(dir.write("file", "") + "/data", findings);
  EXPECT_EQ(shown(findings),
            "fail data: " + dir.file("file") + " is no directory -> troupe up --data DIRECTORY\n");
}

TEST_F(MachineChecks, AcceptDataThatIsThereOrCanBeMade) {
  check_data(dir.path(), findings);
  check_data(dir.file("a/b"), findings);
  EXPECT_TRUE(shown(findings).starts_with("ok data: " + dir.path() + " is writable\n"));
  EXPECT_NE(shown(findings).find("ok data: " + dir.file("a/b") + " can be made\n"),
            std::string::npos);
}

TEST_F(MachineChecks, WarnOfADiskThatFillsAndFailOnOneThatIsFull) {
  constexpr std::uint64_t kGigabyte = 1'000'000'000;
  check_room("d", {84 * kGigabyte, 16 * kGigabyte}, findings);
  check_room("d", {86 * kGigabyte, 14 * kGigabyte}, findings);
  check_room("d", {kGigabyte, kGigabyte / 20}, findings);
  check_room("d", {0, 0}, findings);
  EXPECT_EQ(shown(findings),
            "ok disk: 16.0 GB free, 84 % used\n"
            "warn disk: 14.0 GB free, 86 % used -> du -xh d | sort -h | tail\n"
            "fail disk: 0.1 GB free, 95 % used -> du -xh d | sort -h | tail\n"
            "fail disk: 0.0 GB free, 100 % used -> du -xh d | sort -h | tail\n");
}

TEST_F(MachineChecks, LookAtTheDirectoryOfTheSockets) {
  const auto run = [&](const std::string& path) {
    findings = {};
    check_run(path, findings);
    return shown(findings);
  };
  EXPECT_EQ(run("/tmp/" + std::string(60, 'a')).substr(0, 10), "fail run: ");
  EXPECT_EQ(run("/tmp/none"), "ok run: /tmp/none is made at the start\n");
  EXPECT_EQ(run(dir.write("f", "")),
            "fail run: " + dir.file("f") + " is no directory -> rm " + dir.file("f") + "\n");
  ::chmod(dir.path().c_str(), 0755);
  EXPECT_EQ(run(dir.path()), "warn run: " + dir.path() + " is open to other users -> chmod 700 " +
                                 dir.path() + "\n");
  ::chmod(dir.path().c_str(), 0700);
  EXPECT_EQ(run(dir.path()), "ok run: " + dir.path() + " is private\n");
}

TEST_F(MachineChecks, WarnOfALowLimitOfOpenFiles) {
  check_open_files(1024, findings);
  check_open_files(256, findings);
  EXPECT_EQ(shown(findings),
            "ok files: 1024 may be open in one process\n"
            "warn files: 256 may be open in one process -> ulimit -n 4096\n");
}

TEST_F(MachineChecks, NameWhoHoldsAPort) {
  const int holder = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  ASSERT_EQ(::bind(holder, reinterpret_cast<sockaddr*>(&where), size), 0);
  ASSERT_EQ(::listen(holder, 1), 0);
  ASSERT_EQ(::getsockname(holder, reinterpret_cast<sockaddr*>(&where), &size), 0);
  const int port = ntohs(where.sin_port);
  AllSettings settings;
  settings.emplace("llm", json::Document::parse(fmt::format(R"({{"port":{}}})", port)).value());
  settings.emplace("quality", json::Document::parse(R"({"port":0})").value());
  check_ports(settings, findings);
  EXPECT_EQ(shown(findings),
            fmt::format("fail ports: {} of llm is held by troupe_test (process {}) -> "
                        "TROUPE_LLM_PORT={} troupe up\n",
                        port, ::getpid(), port + 1000));
  ::close(holder);
  findings = {};
  check_ports(settings, findings);
  EXPECT_EQ(shown(findings), "ok ports: all are free\n");
  EXPECT_EQ(holder_of(port), std::nullopt);
}

TEST_F(MachineChecks, FindTwoServicesThatWantTheSamePort) {
  AllSettings settings;
  settings.emplace("llm", json::Document::parse(R"({"port":1})").value());
  settings.emplace("router", json::Document::parse(R"({"port":1})").value());
  check_ports(settings, findings);
  EXPECT_NE(shown(findings).find("fail ports: llm and router both want 1 -> "
                                 "TROUPE_ROUTER_PORT=1001 troupe up\n"),
            std::string::npos);
}

}  // namespace
}  // namespace troupe
