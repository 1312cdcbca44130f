// CallbackOwner is what calls code of the user's on threads of its own: an engine, a worker pool.
// It is an address and nothing more; see CallbackThread.

#ifndef RONDO_REACTOR_CALLBACK_OWNER_H_
#define RONDO_REACTOR_CALLBACK_OWNER_H_

namespace rondo::reactor {

class CallbackOwner {
 public:
  CallbackOwner(const CallbackOwner&) = delete;
  CallbackOwner& operator=(const CallbackOwner&) = delete;

 protected:
  CallbackOwner() = default;
  ~CallbackOwner() = default;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_CALLBACK_OWNER_H_
