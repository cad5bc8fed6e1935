#include <gtest/gtest.h>

#include <string_view>

#include "libs/messaging/server_process.h"

// The binary is its own peer: with --serve it is the other process of a test.
int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--serve") {
    return messaging::testing::serve_until_killed(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
