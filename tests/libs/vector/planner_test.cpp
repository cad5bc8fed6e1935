#include "vector/planner.h"

#include <gtest/gtest.h>

namespace vector {
namespace {

GraphOutlook outlook(std::array<double, 4> recall) {
  return {.samples = 48, .recall = recall, .scored = {600, 800, 1000, 1200}};
}

Facts facts(std::size_t matches, double recall = kRecallDefault) {
  Facts facts;
  facts.dimension = 384;
  facts.rows = 100'000;
  facts.matches = matches;
  facts.recall = recall;
  facts.u4 = facts.b1 = true;
  facts.outlook = outlook({.95, .99, .999, 1});
  return facts;
}

TEST(Planner, WalksWhereNothingIsFilteredAndScansWhereLittleIsLeft) {
  EXPECT_TRUE(plan_search(facts(100'000)).walk);
  EXPECT_TRUE(plan_search(facts(50'000)).walk);
  EXPECT_FALSE(plan_search(facts(1'000)).walk);
  EXPECT_FALSE(plan_search(facts(1)).walk);
  EXPECT_FALSE(plan_search(facts(0)).walk);
}

TEST(Planner, KeepsTheMoreRowsInMindTheFewerAreLetThrough) {
  const Plan open = plan_search(facts(100'000));
  const Plan half = plan_search(facts(50'000));
  EXPECT_NEAR(static_cast<double>(half.effort.breadth),
              2 * static_cast<double>(open.effort.breadth), 2);
}

TEST(Planner, NoFilterCostsMoreThanAScanOfWhatItLeaves) {
  for (std::size_t matches = 1; matches <= 100'000; matches = matches * 3 / 2 + 1) {
    Facts walking = facts(matches), scanning = facts(matches);
    scanning.outlook = {};
    EXPECT_LE(plan_search(walking).cost_ns, plan_search(scanning).cost_ns) << matches;
  }
}

TEST(Planner, ReadsTheFewestBytesThatGiveTheRecall) {
  Facts scanned = facts(100'000);
  scanned.outlook = {};
  EXPECT_EQ(plan_search(scanned).scan, Scan::B1);
  scanned.matches = 10'000;
  EXPECT_EQ(plan_search(scanned).scan, Scan::U4);
  scanned.matches = 1'000;
  EXPECT_EQ(plan_search(scanned).scan, Scan::I8);
  scanned.matches = 100'000;
  scanned.recall = 0.995;
  EXPECT_EQ(plan_search(scanned).scan, Scan::I8);
  scanned.recall = 1;
  EXPECT_EQ(plan_search(scanned).scan, Scan::F32);
  scanned.recall = 0.98;
  scanned.u4 = scanned.b1 = false;
  EXPECT_EQ(plan_search(scanned).scan, Scan::I8);
}

TEST(Planner, LeavesCodesThatAreKnownToMissMuch) {
  Facts far = facts(100'000);
  far.outlook.codes = {1, .97};
  far.outlook.samples = 0;
  EXPECT_EQ(plan_search(far).scan, Scan::I8);
  far.outlook.codes = {.97, .5};
  far.outlook.samples = 48;
  EXPECT_EQ(plan_search(far).scan, Scan::F32);
  EXPECT_FALSE(plan_search(far).walk);
  far.recall = .96;
  EXPECT_EQ(plan_search(far).scan, Scan::I8);
}

TEST(Planner, ReadsTheOriginalsOfRowsTooFewToKnowTheirCodes) {
  Facts few = facts(100);
  few.rows = 100;
  few.outlook = {};
  EXPECT_EQ(plan_search(few).scan, Scan::F32);
}

TEST(Planner, AsksForMoreBreadthWhereMoreRecallIsAsked) {
  std::size_t last = 0;
  for (const double recall : {0.8, 0.9, 0.95, 0.98, 0.99, 0.995}) {
    const Plan plan = plan_search(facts(100'000, recall));
    ASSERT_TRUE(plan.walk) << recall;
    EXPECT_GE(plan.effort.breadth, last);
    last = plan.effort.breadth;
  }
  EXPECT_GE(last, 128u);
  EXPECT_FALSE(plan_search(facts(100'000, 1)).walk);
}

TEST(Planner, ScansDataThatNoWalkFindsItsWayIn) {
  Facts isotropic = facts(100'000);
  isotropic.outlook = outlook({.3, .45, .6, .75});
  EXPECT_FALSE(plan_search(isotropic).walk);
}

TEST(Planner, TrustsNoOutlookOfFewSamples) {
  Facts fresh = facts(100'000);
  fresh.outlook.samples = 5;
  EXPECT_FALSE(plan_search(fresh).walk);
}

TEST(Planner, KeepsMoreForMoreMatches) {
  Facts many = facts(100'000);
  many.k = 100;
  const Plan plan = plan_search(many);
  ASSERT_TRUE(plan.walk);
  EXPECT_GE(plan.effort.breadth, 200u);
  EXPECT_GE(plan.effort.rescored, 100u);
  many.k = 1000;
  EXPECT_FALSE(plan_search(many).walk);  // that many are cheaper to scan for
}

}  // namespace
}  // namespace vector
