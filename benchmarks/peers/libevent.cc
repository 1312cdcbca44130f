// libevent as its users write it: a listener, and a bufferevent for each connection whose input is
// moved into its output without a copy. One event_base a loop, each with a listener of its own.
#include <thread>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

namespace {

int work_us = 0;

void OnRead(bufferevent* event, void*) {
  peers::Work(work_us);
  bufferevent_write_buffer(event, bufferevent_get_input(event));
}

void OnEvent(bufferevent* event, short what, void*) {
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) bufferevent_free(event);
}

void OnAccept(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void*) {
  event_base* base = evconnlistener_get_base(listener);
  bufferevent* event = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(event, OnRead, nullptr, OnEvent, nullptr);
  bufferevent_set_max_single_read(event, peers::kReadBufferBytes);
  bufferevent_set_max_single_write(event, peers::kReadBufferBytes);
  bufferevent_enable(event, EV_READ | EV_WRITE);
}

void RunLoop(int fd) {
  // One thread a base needs no locks, and no change list is the default.
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* base = event_base_new_with_config(config);
  evconnlistener_new(base, OnAccept, nullptr, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  peers::Arguments arguments = peers::ParseArguments(argc, argv);
  work_us = arguments.work_us;
  std::vector<int> listeners;
  for (int i = 0; i < arguments.loops; ++i) {
    listeners.push_back(peers::Listen(&arguments.port, SOCK_NONBLOCK));
  }
  peers::PrintListening(arguments.port);
  std::vector<std::thread> threads;
  for (int i = 1; i < arguments.loops; ++i) threads.emplace_back(RunLoop, listeners[i]);
  RunLoop(listeners[0]);
}
