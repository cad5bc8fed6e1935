#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{Code::InvalidArgument, "odd"};
  return number / 2;
}

Result<void> check_even(int number) {
  TRY(half(number));
  return {};
}

Result<std::string> quarter(int number) {
  TRY(check_even(number));
  const int once = TRY(half(number));
  const int twice = TRY(half(once));
  return std::to_string(twice);
}

TEST(Result, TryPassesValuesOnAndTheFirstErrorUp) {
  EXPECT_EQ(quarter(12).value(), "3");
  ASSERT_FALSE(quarter(6).ok());
  EXPECT_EQ(quarter(6).error().code, Code::InvalidArgument);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_FALSE(quarter(7).ok());
}

TEST(Result, MovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto pass = [&]() -> Result<std::unique_ptr<int>> {
    auto number = TRY(make());
    return number;
  };
  EXPECT_EQ(*pass().value(), 7);
}

TEST(Result, ReadingTheWrongSideThrows) {
  EXPECT_THROW(static_cast<void>(half(1).value()), std::bad_variant_access);
  EXPECT_THROW(static_cast<void>(half(2).error()), std::bad_variant_access);
}

TEST(Result, OfNothingIsOkByDefault) {
  EXPECT_TRUE(Result<void>().ok());
  EXPECT_FALSE(Result<void>(Error{Code::Internal, "x"}).ok());
}

TEST(Code, EveryRowOfTheTableStandsAtItsCode) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Code::Internal); ++i) {
    const Code code{i};
    EXPECT_EQ(code_from_name(name(code)), code) << name(code);
    EXPECT_GE(http_status(code), 400);
    names.insert(name(code));
  }
  EXPECT_EQ(names.size(), 13U);
  EXPECT_EQ(name(Code::InvalidArgument), "invalid_argument");
  EXPECT_EQ(name(Code::DeadlineExceeded), "deadline_exceeded");
  EXPECT_EQ(name(Code::Internal), "internal");
  EXPECT_EQ(code_from_name("no such name"), Code::Internal);
}

TEST(Code, OnlyOverloadAndAbsenceArePassing) {
  EXPECT_TRUE(retryable(Code::Overloaded));
  EXPECT_TRUE(retryable(Code::Unavailable));
  for (const Code code : {Code::InvalidArgument, Code::TooLarge, Code::Cancelled, Code::Internal,
                          Code::DeadlineExceeded, Code::DataLoss}) {
    EXPECT_FALSE(retryable(code)) << name(code);
  }
}

TEST(Code, ReadsAnyHttpStatus) {
  EXPECT_EQ(code_from_http_status(400), Code::InvalidArgument);
  EXPECT_EQ(code_from_http_status(404), Code::NotFound);
  EXPECT_EQ(code_from_http_status(408), Code::DeadlineExceeded);
  EXPECT_EQ(code_from_http_status(418), Code::InvalidArgument);
  EXPECT_EQ(code_from_http_status(429), Code::Overloaded);
  EXPECT_EQ(code_from_http_status(500), Code::Internal);
  EXPECT_EQ(code_from_http_status(502), Code::Unavailable);
  EXPECT_EQ(code_from_http_status(503), Code::Unavailable);
  EXPECT_EQ(code_from_http_status(599), Code::Internal);
}

}  // namespace
