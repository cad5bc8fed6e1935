#include "base/line.h"

#include <gtest/gtest.h>

namespace {

TEST(OneLine, KeepsWhatCanBeShown) {
  EXPECT_EQ(one_line("gr\xC3\xBC\xC3\x9F!"), "gr\xC3\xBC\xC3\x9F!");
}

TEST(OneLine, LeavesNoLineEndAndNoEscape) {
  EXPECT_EQ(one_line("a\r\nb\x1B[2J\tc\x7F\xFF"), "a  b [2J c \xEF\xBF\xBD");
}

}  // namespace
