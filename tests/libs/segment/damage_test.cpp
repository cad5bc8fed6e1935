#include <gtest/gtest.h>

#include <cstring>

#include "libs/segment/fixture.h"
#include "segment/checksum.h"

namespace segment {
namespace {

using testing::Folder;
using testing::kTest;
using testing::numbers;
using testing::open_error;
using testing::values;

// Opens the file and reads every block: what a reader would notice.
Result<void> read_all(const std::string& path) {
  const auto file = TRY(File::open(path, kTest));
  for (const char* name : {"ten", "none", "three"}) TRY(file->block(name));
  return {};
}

TEST(Damage, NoByteOfAFileMayBeFlippedUnseen) {
  const Folder folder;
  const std::string path = folder.file("a");
  testing::write_small(path);
  const std::string whole = testing::read(path);
  ASSERT_TRUE(read_all(path).ok());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    testing::write(path, bytes);
    const auto result = read_all(path);
    ASSERT_FALSE(result.ok()) << "byte " << at;
    EXPECT_NE(result.error().message.find(path), std::string::npos) << result.error().message;
  }
}

TEST(Damage, AFileCutAnywhereIsRefusedWhenItIsOpened) {
  const Folder folder;
  const std::string path = folder.file("a");
  testing::write_small(path);
  const std::string whole = testing::read(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    testing::write(path, whole.substr(0, size));
    ASSERT_EQ(open_error(path).code, Code::DataLoss) << size;
  }
}

TEST(Damage, AFileWithSomethingBehindItsEndIsRefused) {
  const Folder folder;
  const std::string path = folder.file("a");
  testing::write_small(path);
  const std::string whole = testing::read(path);
  testing::write(path, whole + "x");
  EXPECT_EQ(open_error(path).message, path + " is damaged: it is cut short");
  testing::write(path, whole + whole);
  EXPECT_EQ(open_error(path).message, path + " is damaged: its length has changed");
}

TEST(Damage, AHeaderAndTheFooterOfAnotherFileAreNoFile) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  testing::write_small(folder.file("b"), 0, {kind("test"), 4});
  const std::string a = testing::read(folder.file("a"));
  const std::string b = testing::read(folder.file("b"));
  ASSERT_EQ(a.size(), b.size());
  testing::write(folder.file("a"), a.substr(0, 64) + b.substr(64));
  EXPECT_EQ(open_error(folder.file("a")).message,
            folder.file("a") + " is damaged: its footer has changed");
}

TEST(Damage, ForeignFilesAreNamedForWhatTheyAreNot) {
  const Folder folder;
  const std::string path = folder.file("a");
  EXPECT_EQ(open_error(path).code, Code::NotFound);
  testing::write(path, "");
  EXPECT_EQ(open_error(path).message, path + " is too short to be a segment: 0 bytes");
  testing::write(path, "SQLite format 3" + std::string(5000, ' '));
  EXPECT_EQ(open_error(path).message, path + " is no segment of Troupe's");
  EXPECT_EQ(open_error(path).code, Code::InvalidArgument);
  testing::write(path, std::string(5000, '\0'));
  EXPECT_EQ(open_error(path).code, Code::InvalidArgument);
  const std::string inside = folder.file("");
  EXPECT_EQ(open_error(inside).message, "cannot open " + inside + ": it is no file");
}

TEST(Damage, AnotherKindAnotherFormatAndAnotherVersionAreRefusedInWords) {
  const Folder folder;
  const std::string path = folder.file("a");
  testing::write_small(path);
  EXPECT_EQ(open_error(path, {kind("else"), 3}).message, path + " holds 'test' and not 'else'");
  EXPECT_EQ(open_error(path, {kind("test"), 2}).message,
            path + " has format 3 of 'test', this is 2");
  EXPECT_EQ(open_error(path, {kind("test"), 2}).code, Code::Unimplemented);
  std::string bytes = testing::read(path);
  bytes[8] = 2;
  testing::write(path, bytes);
  EXPECT_EQ(open_error(path).message, path + " is a segment of version 2, this is 1");
}

// A footer and a table that are sealed and wrong: made by a hostile writer, not by an accident.
TEST(Damage, ATableThatPointsOutsideTheFileIsRefusedThoughItsChecksumsHold) {
  const Folder folder;
  const std::string path = folder.file("a");
  testing::write_small(path);
  const std::string whole = testing::read(path);
  Footer footer;
  std::memcpy(&footer, whole.data() + whole.size() - sizeof(footer), sizeof(footer));
  const auto sealed_with = [&](const auto& change) {
    std::string bytes = whole;
    std::vector<BlockEntry> entries(footer.blocks);
    std::memcpy(entries.data(), bytes.data() + footer.table_offset, 64 * entries.size());
    Footer changed = footer;
    change(entries, changed);
    std::memcpy(bytes.data() + footer.table_offset, entries.data(), 64 * entries.size());
    const auto table =
        std::as_bytes(std::span(bytes))
            .subspan(footer.table_offset, bytes.size() - sizeof(footer) - footer.table_offset);
    changed.table_checksum = checksum(table);
    changed.checksum = checksum(std::as_bytes(std::span(&changed, 1)).first(60));
    std::memcpy(bytes.data() + bytes.size() - sizeof(footer), &changed, sizeof(footer));
    testing::write(path, bytes);
  };
  using Entries = std::vector<BlockEntry>;
  sealed_with([](Entries&, Footer&) {});
  ASSERT_TRUE(read_all(path).ok());
  const std::vector<void (*)(Entries&, Footer&)> changes = {
      [](Entries& entries, Footer&) { entries[0].offset = std::uint64_t{1} << 62; },
      [](Entries& entries, Footer&) { entries[0].offset += 1; },
      [](Entries& entries, Footer&) { entries[2].length = ~std::uint64_t{0} - 100; },
      [](Entries& entries, Footer&) { entries[2].length += 64; },
      [](Entries& entries, Footer&) { entries[2].length = kBlockBytesMax; },
      [](Entries& entries, Footer&) { entries[0].first_checksum = 9; },
      [](Entries& entries, Footer&) {  // the gap behind a block that ends far outside
        entries[0].length = std::uint64_t{1} << 36;
        entries[1].offset = entries[0].offset + entries[0].length + 64;
        entries[1].first_checksum = pages(entries[0].length);
      },
      [](Entries& entries, Footer&) { entries[0].length = 0; },
      [](Entries& entries, Footer&) { entries[0].name.fill('n'); },
      [](Entries&, Footer& changed) { changed.blocks = 2; },
      [](Entries&, Footer& changed) { changed.blocks = 0xFFFFFFFF; },
      [](Entries&, Footer& changed) { changed.checksums = ~std::uint64_t{0} / 4; },
      [](Entries&, Footer& changed) { changed.table_offset = ~std::uint64_t{0} - 63; },
      [](Entries&, Footer& changed) { changed.table_offset += 1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    sealed_with(changes[i]);
    EXPECT_FALSE(File::open(path, kTest).ok()) << "change " << i;
  }
}

// Three pages of one block, the middle one damaged.
class BigBlock : public ::testing::Test {
 protected:
  BigBlock() {
    const auto writer = Writer::create(path_, kTest).value();
    testing::add(*writer, "first", numbers(5));
    testing::add(*writer, "big", numbers(3 * kPageBytes / 4 - 1));
    writer->finish().value();
    const auto offset = File::open(path_, kTest).value()->extent("big").value().offset;
    std::string bytes = testing::read(path_);
    bytes[offset + kPageBytes + 100] ^= 4;
    testing::write(path_, bytes);
    file_ = File::open(path_, kTest).value();
  }

  const Folder folder_;
  const std::string path_ = folder_.file("big");
  std::shared_ptr<File> file_;
};

TEST_F(BigBlock, ADamagedPageIsRefusedWhenItIsTouchedAndOnlyThen) {
  EXPECT_EQ(values(*file_, "first"), numbers(5));
  EXPECT_TRUE(file_->part("big", 0, kPageBytes).ok());
  EXPECT_TRUE(file_->part("big", 2 * kPageBytes, kPageBytes - 4).ok());
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(file_->part("big", kPageBytes - 1, 2).error().message,
              path_ + " is damaged: block big has changed between bytes 1048576 and 2097152");
    EXPECT_EQ(file_->block("big").error().code, Code::DataLoss);
  }
}

TEST_F(BigBlock, TheScrubFindsTheDamageAndGoesOnBehindIt) {
  EXPECT_EQ(file_->scrub(1).value(), false);  // first
  EXPECT_EQ(file_->scrub(1).value(), false);
  EXPECT_EQ(file_->scrub(1).error().code, Code::DataLoss);
  EXPECT_EQ(file_->scrub(1).value(), true);
  EXPECT_EQ(file_->scrub(1).value(), false);  // from the beginning
}

TEST_F(BigBlock, ThePartOutsideABlockIsRefused) {
  const std::uint64_t length = file_->length("big").value();
  EXPECT_EQ(length, 3 * kPageBytes - 4);
  EXPECT_TRUE(file_->part("big", length, 0).ok());
  EXPECT_FALSE(file_->part("big", length, 1).ok());
  EXPECT_FALSE(file_->part("big", 1, ~std::uint64_t{0}).ok());
  EXPECT_FALSE(file_->part("big", ~std::uint64_t{0}, 1).ok());
}

}  // namespace
}  // namespace segment
