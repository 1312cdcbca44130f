#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "rondo/codecs.h"

#include "tests/codecs/every_way.h"
#include "tests/codecs/streams.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using tests::Decode;
using tests::DecodeEveryWay;
using tests::Encode;

JsonCodec Json(size_t max) {
  return JsonCodec(MaxFrameBytes(max));
}
JsonCodec Elements(size_t max) {
  return JsonCodec(MaxFrameBytes(max), {.stream_array_elements = true});
}

TEST(JsonCodecTest, DeliversObjectsAndArrays) {
  EXPECT_THAT(DecodeEveryWay(Json(99), R"({"a":{"b":[1,2]}}[3,[4]]{})").frames,
              ElementsAre(R"({"a":{"b":[1,2]}})", "[3,[4]]", "{}"));
}

TEST(JsonCodecTest, CountsNoBracesInsideOfStrings) {
  EXPECT_THAT(DecodeEveryWay(Json(99), R"({"}":"]["}{})").frames,
              ElementsAre(R"({"}":"]["})", "{}"));
}

TEST(JsonCodecTest, KnowsEscapedQuotesAndEscapedBackslashes) {
  EXPECT_THAT(DecodeEveryWay(Json(99), R"({"a\"}":1}["\\"]["\\\"]"])").frames,
              ElementsAre(R"({"a\"}":1})", R"(["\\"])", R"(["\\\"]"])"));
}

TEST(JsonCodecTest, SkipsWhiteSpaceBetweenValuesAndKeepsNoneOfIt) {
  const tests::Outcome outcome = DecodeEveryWay(Json(99), " \t\r\n{}\n\n[]  ");
  EXPECT_THAT(outcome.frames, ElementsAre("{}", "[]"));
  EXPECT_TRUE(outcome.ended_between_frames);
  EXPECT_EQ(tests::DecodeDripped(Json(99), std::string(1000, ' ')).most_kept, 0u);
}

TEST(JsonCodecTest, LosesTheStreamAtAnythingElse) {
  const tests::Outcome outcome = DecodeEveryWay(Json(99), "{}x{}{}");
  EXPECT_THAT(outcome.frames, ElementsAre("{}"));
  EXPECT_THAT(outcome.errors,
              ElementsAre(StartsWith("@1 INVALID_ARGUMENT: JsonCodec: a byte that")));
  JsonCodec::State state;
  EXPECT_FALSE(Json(99).Decode("}", state).error().recoverable);
}

TEST(JsonCodecTest, TakesAValueOfTheLimitAndSkipsALongerOne) {
  const tests::Outcome outcome = DecodeEveryWay(Json(5), R"([123][1234]["]]]"]{"a" :[{}]}[1])");
  EXPECT_THAT(outcome.frames, ElementsAre("[123]", "[1]"));
  EXPECT_EQ(outcome.errors.size(), 3u);
  EXPECT_THAT(outcome.errors[0], HasSubstr("value too long: 6 at offset 5 of the frame, limit 5"));
  EXPECT_LE(tests::DecodeDripped(Json(5), std::string(1000, '[')).most_kept, 5u);
}

TEST(JsonCodecTest, DoesNotLookAtScannedBytesAgain) {
  JsonCodec::State state;
  EXPECT_EQ(Json(99).Decode("[1234", state).kind(), Decoded::Kind::kNeedMore);
  EXPECT_EQ(Json(99).Decode("[1]]]]", state).consumed(), 6u);
}

TEST(JsonCodecTest, AnUnclosedValueIsUnfinished) {
  EXPECT_FALSE(DecodeEveryWay(Json(99), "{}{\"a\":").ended_between_frames);
}

TEST(JsonCodecTest, StreamsTheElementsOfAnArray) {
  const tests::Outcome outcome =
      DecodeEveryWay(Elements(99), R"( [ 1 , "a,]" ,{"b":[2,3]}, [4, 5] ,true ]{"c":[1]}[6])");
  EXPECT_THAT(outcome.frames, ElementsAre("1", R"("a,]")", R"({"b":[2,3]})", "[4, 5]", "true",
                                          R"({"c":[1]})", "6"));
  EXPECT_TRUE(outcome.ended_between_frames);
}

TEST(JsonCodecTest, StreamsNoElementsOutOfAnEmptyArray) {
  EXPECT_THAT(DecodeEveryWay(Elements(99), "[][ \n ] [,] {}").frames, ElementsAre("{}"));
}

TEST(JsonCodecTest, SkipsATooLongElementAndGoesOnWithTheNext) {
  const tests::Outcome outcome = DecodeEveryWay(Elements(5), R"(["123","1234",[1,2,3,4],6][7])");
  EXPECT_THAT(outcome.frames, ElementsAre(R"("123")", "6", "7"));
  EXPECT_EQ(outcome.errors.size(), 2u);
}

TEST(JsonCodecTest, AStreamedArrayThatIsNotClosedIsUnfinished) {
  EXPECT_FALSE(DecodeEveryWay(Elements(99), "[1,2,").ended_between_frames);
  EXPECT_THAT(DecodeEveryWay(Elements(99), "[1}[2]").errors,
              ElementsAre(HasSubstr("closed by a brace")));
}

TEST(JsonCodecTest, EncodesOneWholeValue) {
  EXPECT_EQ(Encode(Json(99), R"({"a":1})"), R"({"a":1})");
  for (const char* bad : {"", "1", "{", "{}{}", "{} ", " {}", "null"}) {
    EXPECT_THAT(Encode(Json(99), bad), StartsWith("INVALID_ARGUMENT")) << bad;
  }
  EXPECT_THAT(Encode(Json(3), "[12]"), StartsWith("RESOURCE_EXHAUSTED"));
}

TEST(JsonCodecTest, SurvivesALimitOfZero) {
  EXPECT_THAT(DecodeEveryWay(Json(0), "{}[]").frames, IsEmpty());
}

}  // namespace
}  // namespace rondo
