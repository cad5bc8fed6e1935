#include "segment/file.h"

#include <gtest/gtest.h>

#include "libs/segment/fixture.h"

namespace segment {
namespace {

using testing::Folder;
using testing::kTest;
using testing::numbers;
using testing::values;

TEST(File, GivesBackWhatTheWriterPutIn) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  const auto file = File::open(folder.file("a"), kTest).value();
  EXPECT_EQ(values(*file, "ten"), numbers(10));
  EXPECT_EQ(values(*file, "none"), numbers(0));
  EXPECT_EQ(values(*file, "three"), numbers(3, 7));
  EXPECT_EQ(file->length("ten").value(), 40u);
  EXPECT_EQ(file->size(), testing::read(folder.file("a")).size());
}

TEST(File, SmallBlocksStartOnALineAndBigOnesOnAPageOfMemory) {
  const Folder folder;
  const auto writer = Writer::create(folder.file("a"), kTest).value();
  testing::add(*writer, "small", numbers(1));
  testing::add(*writer, "big", numbers(1024));
  testing::add(*writer, "next", numbers(1));
  writer->finish().value();
  const auto file = File::open(folder.file("a"), kTest).value();
  EXPECT_EQ(file->extent("small").value().offset, 64u);
  EXPECT_EQ(file->extent("big").value().offset, 4096u);
  EXPECT_EQ(file->extent("next").value().offset, 8192u);
}

TEST(File, ABlockMayBeAppendedInPiecesOfAnySize) {
  const Folder folder;
  const std::vector<std::uint32_t> all = numbers(700'000);
  const auto writer = Writer::create(folder.file("a"), kTest).value();
  writer->begin("pieces").value();
  std::span<const std::byte> rest = std::as_bytes(std::span(all));
  for (std::size_t size = 0; !rest.empty(); size = size * 3 + 1) {
    const std::size_t taken = std::min(size, rest.size());
    writer->append(rest.first(taken)).value();
    rest = rest.subspan(taken);
  }
  writer->finish().value();
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "pieces"), all);
}

TEST(File, ABlockThatIsMissingOrOfAnotherShapeIsRefused) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  const auto file = File::open(folder.file("a"), kTest).value();
  EXPECT_TRUE(file->has("ten"));
  EXPECT_FALSE(file->has("tenth"));
  EXPECT_EQ(file->block("tenth").error().message,
            folder.file("a") + " is damaged: it has no block tenth");
  EXPECT_FALSE(file->length("tenth").ok());
  EXPECT_FALSE(file->extent("tenth").ok());
  EXPECT_EQ(file->array<std::uint64_t>("three").error().message,
            folder.file("a") + " is damaged: block three does not hold values of 8 bytes");
  EXPECT_FALSE(file->value<std::uint32_t>("three").ok());
  EXPECT_EQ((file->value<std::array<std::uint32_t, 3>>("three").value()[2]), 9u);
}

TEST(File, KeepsTheOldFileWhileANewOneTakesItsName) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  const auto before = File::open(folder.file("a"), kTest).value();
  testing::write_small(folder.file("a"), 100);
  EXPECT_EQ(values(*before, "ten"), numbers(10));
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10, 100));
}

}  // namespace
}  // namespace segment
