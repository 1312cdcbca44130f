// The questions of a connection's state after each transition.

#include "stream/connection/stream_state.h"

#include "gtest/gtest.h"

namespace rondo::stream {
namespace {

StreamState Opened() {
  StreamState state;
  state.Open();
  return state;
}

TEST(StreamStateTest, IsPlainWhenOpenAndNothingIsSpecial) {
  EXPECT_FALSE(StreamState().IsPlain());
  EXPECT_TRUE(Opened().IsPlain());
  EXPECT_TRUE(Opened().AcceptsWrites());
  EXPECT_TRUE(Opened().AcceptsInput());
  EXPECT_TRUE(Opened().WantsReceive());
  EXPECT_TRUE(Opened().OwesOnClose());
}

TEST(StreamStateTest, WhateverIsSpecialIsNotPlain) {
  const auto is_plain_after = [](auto change) {
    StreamState state = Opened();
    change(state);
    return state.IsPlain();
  };
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.BeginClosing(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.Abort(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.SetPeerEnded(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.SetInputEnded(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.WantFin(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.Pause(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.SetBacklogged(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.Yield(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.SetPending(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.SetDraining(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.SetSlow(); }));
  EXPECT_FALSE(is_plain_after([](StreamState& s) { s.ClearActive(); }));
}

TEST(StreamStateTest, AnAbortWinsOverACloseAndEndsByReset) {
  StreamState state = Opened();
  state.BeginClosing();
  EXPECT_FALSE(state.IsAbortingOrEnded());
  state.Abort();
  EXPECT_TRUE(state.IsAborting());
  EXPECT_FALSE(state.IsClosing());
  state.End();
  EXPECT_TRUE(state.HasEnded());
  EXPECT_TRUE(state.IsEndedByReset());
  EXPECT_TRUE(state.OwesOnClose());
  state.SetGone();
  EXPECT_FALSE(state.OwesOnClose());
}

TEST(StreamStateTest, AnAbortAfterAnOrderlyEndStillResets) {
  StreamState state = Opened();
  state.BeginClosing();
  state.End();
  EXPECT_FALSE(state.IsEndedByReset());
  state.Abort();
  EXPECT_TRUE(state.IsEndedByReset());
}

TEST(StreamStateTest, WhileClosingInputIsReceivedAndNotForTheHandler) {
  StreamState state = Opened();
  state.Pause();
  EXPECT_FALSE(state.WantsReceive());
  state.BeginClosing();
  EXPECT_TRUE(state.WantsReceive());
  EXPECT_FALSE(state.AcceptsInput());
  EXPECT_FALSE(state.AcceptsWrites());
}

TEST(StreamStateTest, EachHoldStopsReceivingByItself) {
  StreamState state = Opened();
  state.Pause();
  state.SetBacklogged();
  state.Yield();
  state.Resume();
  EXPECT_FALSE(state.WantsReceive());
  state.ClearBacklogged();
  EXPECT_FALSE(state.WantsReceive());
  state.EndYield();
  EXPECT_TRUE(state.MustOffer());
  EXPECT_FALSE(state.WantsReceive());
  state.ClearOffer();
  EXPECT_TRUE(state.WantsReceive());
}

TEST(StreamStateTest, AFinIsWantedThenSentAndNeverWantedAgain) {
  StreamState state = Opened();
  state.WantFin();
  EXPECT_TRUE(state.IsFinWanted());
  EXPECT_FALSE(state.AcceptsWrites());
  EXPECT_TRUE(state.AcceptsInput());
  state.SetFinSent();
  state.WantFin();
  EXPECT_TRUE(state.IsFinSent());
  EXPECT_FALSE(state.HaveBothEnded());
  state.SetInputEnded();
  EXPECT_TRUE(state.HaveBothEnded());
}

}  // namespace
}  // namespace rondo::stream
