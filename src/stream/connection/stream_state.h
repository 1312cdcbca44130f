// StreamState is where a stream connection stands: sixteen bits, changed by named transitions and
// read by named questions. It belongs to its connection; loop thread only.
//
//   phase    new ─▶ open ─▶ closing ─┬─▶ ended ─▶ gone      Close: send what is queued, then FIN
//                    │        │      │
//                    └────────┴─▶ aborting ─▶ ended by reset ─▶ gone      Abort, or a failure
//
//            OnClose is owed from open until gone. A phase never goes back.
//   input    open, until OnPeerShutdown was called: because the peer's FIN came, or because the
//            engine drains. Both may happen, in either order; it is called once. Open again for
//            another handler, which is told as well
//   output   open ─▶ FIN wanted (ShutdownWrite) ─▶ FIN sent; or from each of them ─▶ failed: no
//            more can be sent, and the connection lingers only for the input that had arrived
//   holds    why input is not wanted just now: the user paused it, output has a backlog, the
//            handler has yielded its turn, or must first be offered what waits
//   pending  the loop must look at the connection; the handler must be offered its input again
//   slow     a transform must see every byte: no fast path
//   active   each idle timeout has a byte that it counts since it last looked; always set where
//            there is none
//   memory   there was none for what the connection needed, nor perhaps for saying so: the reason
//            that OnClose gets
//
// A connection is *plain* when it is open, nothing is special about it, and it is known to be
// active: one comparison, the only one for nearly every byte.

#ifndef RONDO_STREAM_CONNECTION_STREAM_STATE_H_
#define RONDO_STREAM_CONNECTION_STREAM_STATE_H_

#include <cstdint>

#include "base/check.h"

namespace rondo::stream {

class StreamState {
 public:
  // --- Questions.

  bool IsPlain() const { return bits_ == (kOpen | kActive); }

  // Plain, and marked for the loop to look at.
  bool IsPlainButPending() const { return bits_ == (kOpen | kActive | kPending); }

  bool IsOpen() const { return phase() == kOpen; }
  // By Close: no more input, and no output but what is queued.
  bool IsClosing() const { return phase() == kClosing; }
  bool IsAborting() const { return phase() == kAborting; }
  // Its end is decided: OnClose comes at the end of the turn, or has come.
  bool HasEnded() const { return phase() >= kEnded; }
  bool IsAbortingOrEnded() const { return Has(kAborting); }
  bool IsEndedByReset() const { return phase() == kEndedByReset; }
  // Whether OnOpen was called, and OnClose was not.
  bool OwesOnClose() const { return phase() > kNew && phase() < kGone; }

  // Whether a write may be taken.
  bool AcceptsWrites() const { return phase() <= kOpen && (bits_ & kOutputMask) == 0; }
  // Whether received bytes are for the handler.
  bool AcceptsInput() const { return phase() <= kOpen && !Has(kInputEnded); }
  // Whether the poller should receive now. While closing it should: what arrives is thrown away.
  bool WantsReceive() const {
    return IsClosing() || !Has(kPaused | kBacklogged | kYielded | kOfferAgain | kInputEnded);
  }
  bool HasPeerEnded() const { return Has(kPeerEnded); }
  // Whether the handler knows that no more input will come: EndInput has begun.
  bool HasInputEnded() const { return Has(kInputEnded); }
  bool IsFinWanted() const { return (bits_ & kOutputMask) == kFinWanted; }
  bool IsFinSent() const { return (bits_ & kOutputMask) == kFinSent; }
  bool HasOutputFailed() const { return (bits_ & kOutputMask) == kOutputFailed; }
  // Whether what is queued may be sent.
  bool MaySend() const { return !IsAbortingOrEnded() && !HasOutputFailed(); }
  bool HaveBothEnded() const { return IsFinSent() && HasInputEnded(); }
  bool IsPaused() const { return Has(kPaused); }
  bool IsBacklogged() const { return Has(kBacklogged); }
  // Whether only Wake offers input now.
  bool IsHeld() const { return Has(kPaused | kBacklogged); }
  bool HasYielded() const { return Has(kYielded); }
  bool IsPending() const { return Has(kPending); }
  bool MustOffer() const { return Has(kOfferAgain); }
  // Whether the input that waits is offered in a later turn, or after the backlog: until then
  // nothing is received.
  bool HasPutInputOff() const { return Has(kYielded | kOfferAgain | kBacklogged); }
  bool IsDraining() const { return Has(kDraining); }
  bool IsActive() const { return Has(kActive); }
  bool IsOutOfMemory() const { return Has(kOutOfMemory); }

  // --- Transitions of the phase.

  void Open() { SetPhase(kOpen); }
  // REQUIRES: phase new or open.
  void BeginClosing() { SetPhase(kClosing); }
  // Also once its end is decided: the descriptor is then closed with a reset.
  void Abort() {
    if (phase() <= kClosing) SetPhase(kAborting);
    if (phase() == kEnded) SetPhase(kEndedByReset);
  }
  void End() { SetPhase(IsAborting() ? kEndedByReset : kEnded); }
  // OnClose has run, or was not owed.
  void SetGone() { SetPhase(kGone); }

  // --- The other fields.

  void SetPeerEnded() { Set(kPeerEnded); }
  void SetInputEnded() { Set(kInputEnded); }
  void ReopenInput() { Clear(kInputEnded); }
  void WantFin() {
    if ((bits_ & kOutputMask) == 0) Set(kFinWanted);
  }
  void SetFinSent() { bits_ = static_cast<uint16_t>((bits_ & ~kOutputMask) | kFinSent); }
  void FailOutput() { Set(kOutputFailed); }
  void Pause() { Set(kPaused); }
  // The input that waits must be offered again.
  void Resume() {
    Clear(kPaused);
    Set(kOfferAgain);
  }
  // The handler has just been offered all that waits.
  void ResumeWithoutOffer() { Clear(kPaused); }
  void SetBacklogged() { Set(kBacklogged); }
  void ClearBacklogged() { Clear(kBacklogged); }
  void Yield() { Set(kYielded); }
  // The others had their turn.
  void EndYield() {
    Clear(kYielded);
    Set(kOfferAgain);
  }
  void ClearOffer() { Clear(kOfferAgain); }
  void SetPending() { Set(kPending); }
  void ClearPending() { Clear(kPending); }
  void SetDraining() { Set(kDraining); }
  void SetSlow() { Set(kSlow); }
  void SetOutOfMemory() { Set(kOutOfMemory); }
  void SetActive() { Set(kActive); }
  void ClearActive() { Clear(kActive); }

 private:
  // In their order. From kAborting on they share a bit.
  enum Phase : uint16_t {
    kNew = 0,
    kOpen = 1,
    kClosing = 2,
    kAborting = 4,
    kEnded = 5,
    kEndedByReset = 6,
    kGone = 7,
  };
  static constexpr uint16_t kPhaseMask = 7;
  static constexpr uint16_t kPeerEnded = 1 << 3;
  static constexpr uint16_t kInputEnded = 1 << 4;
  static constexpr uint16_t kOutputMask = 3 << 5;
  static constexpr uint16_t kFinWanted = 1 << 5;
  static constexpr uint16_t kFinSent = 2 << 5;
  static constexpr uint16_t kOutputFailed = 3 << 5;
  static constexpr uint16_t kPaused = 1 << 7;
  static constexpr uint16_t kBacklogged = 1 << 8;
  static constexpr uint16_t kYielded = 1 << 9;
  static constexpr uint16_t kPending = 1 << 10;
  static constexpr uint16_t kOfferAgain = 1 << 11;
  static constexpr uint16_t kDraining = 1 << 12;
  static constexpr uint16_t kSlow = 1 << 13;
  static constexpr uint16_t kActive = 1 << 14;
  static constexpr uint16_t kOutOfMemory = 1 << 15;

  Phase phase() const { return static_cast<Phase>(bits_ & kPhaseMask); }
  void SetPhase(Phase next) {
    RONDO_DCHECK(next > phase());
    bits_ = static_cast<uint16_t>((bits_ & ~kPhaseMask) | next);
  }
  bool Has(uint16_t bits) const { return (bits_ & bits) != 0; }
  void Set(uint16_t bits) { bits_ |= bits; }
  void Clear(uint16_t bits) { bits_ &= static_cast<uint16_t>(~bits); }

  uint16_t bits_ = kActive;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_CONNECTION_STREAM_STATE_H_
