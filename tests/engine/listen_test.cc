// What an engine may listen on and which handler serves it, and engines that listen in several
// ways.

#include "rondo/listen.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/types/span.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"
#include "tests/server/start_engine.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::ServerTest;
using ::testing::ElementsAre;

// The texts of what is converted, as Engine::Start takes it.
std::vector<std::string> Texts(const Addresses& addresses) {
  std::vector<std::string> texts;
  for (const Listen& listen : addresses.listens()) texts.push_back(listen.address);
  return texts;
}

// --- Addresses.

TEST(AddressesTest, ComeFromOneText) {
  const std::string text = "tcp://:1";
  EXPECT_THAT(Texts("tcp://:1"), ElementsAre("tcp://:1"));
  EXPECT_THAT(Texts(text), ElementsAre("tcp://:1"));
  EXPECT_THAT(Texts(text.c_str()), ElementsAre("tcp://:1"));
  EXPECT_THAT(Texts(std::string_view(text)), ElementsAre("tcp://:1"));
  EXPECT_THAT(Texts(text + "1"), ElementsAre("tcp://:11"));
}

TEST(AddressesTest, ComeFromSeveralTextsInTheirOrder) {
  const std::string last = "c";
  EXPECT_THAT(Texts({"a"}), ElementsAre("a"));
  // Two texts, and not the beginning and the end of one.
  EXPECT_THAT(Texts({"a", "b"}), ElementsAre("a", "b"));
  EXPECT_THAT(Texts({"a", std::string_view("b"), last}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Texts({}), ElementsAre());
}

TEST(AddressesTest, ComeFromContainersOfTexts) {
  const std::vector<std::string> texts = {"a", "b", "c"};
  EXPECT_THAT(Texts(texts), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Texts(absl::MakeConstSpan(texts)), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Texts(std::array<const char*, 2>{"a", "b"}), ElementsAre("a", "b"));
  EXPECT_THAT(Texts(std::vector<std::string>()), ElementsAre());
}

TEST(AddressesTest, ComeFromListensAlone) {
  EXPECT_THAT(Texts(Listen{.address = "a"}), ElementsAre("a"));
  EXPECT_THAT(Texts({Listen{.address = "a"}, Listen{.address = "b"}}), ElementsAre("a", "b"));
  const std::vector<Listen> listens = {{.address = "a"}, {.address = "b"}};
  EXPECT_THAT(Texts(listens), ElementsAre("a", "b"));
}

TEST(AddressesTest, ComeFromListensAmongTexts) {
  EventHandler admin;
  const Addresses addresses = {"a", Listen{.address = "b", .handler = &admin}, "c"};
  EXPECT_THAT(Texts(addresses), ElementsAre("a", "b", "c"));
  EXPECT_EQ(addresses.listens()[0].handler, nullptr);
  EXPECT_EQ(addresses.listens()[1].handler, &admin);
}

TEST(AddressesTest, ATextSaysNothingBesidesTheAddress) {
  const Addresses addresses = "a";
  const Listen& listen = addresses.listens()[0];
  EXPECT_EQ(listen.handler, nullptr);
  EXPECT_FALSE(listen.connection.has_value());
  EXPECT_FALSE(listen.accept_mode.has_value());
}

TEST(AddressesTest, AreCopiedAndJoined) {
  const Addresses some = {"a", "b"};
  const Addresses copy = some;
  EXPECT_THAT(Texts(copy), ElementsAre("a", "b"));
  EXPECT_THAT(Texts({some, "c"}), ElementsAre("a", "b", "c"));
}

TEST(AddressesTest, DoNotComeFromWhatIsNoAddress) {
  EXPECT_FALSE((std::is_convertible_v<int, Addresses>));
  EXPECT_FALSE((std::is_convertible_v<std::vector<int>, Addresses>));
  EXPECT_FALSE((std::is_convertible_v<EventHandler&, Addresses>));
}

// --- Handlers.

TEST(HandlersTest, AreOneForAllLoopsOrMadeByAFactory) {
  struct Derived : EventHandler {
  } derived;
  const Handlers shared = derived;
  EXPECT_EQ(shared.shared(), &derived);
  const HandlerFactory factory = [](size_t) { return std::make_unique<EventHandler>(); };
  EXPECT_EQ(Handlers(factory).shared(), nullptr);
  EXPECT_NE(Handlers(factory).factory()(0), nullptr);
  // Anything that makes a handler converts to a HandlerFactory.
  const Handlers made = [](size_t) { return std::make_unique<Derived>(); };
  EXPECT_NE(made.factory()(1), nullptr);
  EXPECT_FALSE(Handlers(HandlerFactory()).factory());
}

TEST(HandlersTest, DoNotComeFromAHandlerThatIsAboutToGo) {
  EXPECT_TRUE((std::is_convertible_v<EventHandler&, Handlers>));
  EXPECT_FALSE((std::is_convertible_v<EventHandler, Handlers>));
  EXPECT_FALSE((std::is_convertible_v<int, Handlers>));
}

// --- Engines.

class ListenTest : public ServerTest {
 protected:
  void StartOn(const Addresses& addresses) {
    handler.on_traffic = [](Connection& connection) {
      (void)connection.Write(connection.Next());
      return Action::kNone;
    };
    engine = testing::StartEngine(handler, addresses, options);
  }
  // Whether a connection to each address gets its echo.
  void ExpectEchoes() {
    for (const SocketAddress& address : engine->addresses()) {
      Client client(address);
      EXPECT_TRUE(client.Send("hello") && client.Receive(5) == "hello") << address.ToString();
    }
  }
};

// By what Options::accept_mode is.
class ListenInEachModeTest : public ListenTest,
                             public ::testing::WithParamInterface<AcceptMode> {};

TEST_P(ListenInEachModeTest, BothAcceptModesServeInOneEngine) {
  options = {.loops = 3, .accept_mode = GetParam()};
  const size_t threads = testing::CountThreads();
  StartOn({"tcp://127.0.0.1:0",
           Listen{.address = "tcp://127.0.0.1:0", .accept_mode = AcceptMode::kAcceptor},
           Listen{.address = "tcp://127.0.0.1:0", .accept_mode = AcceptMode::kReusePort}});
  ASSERT_EQ(engine->addresses().size(), 3u);
  // One of them for the acceptor.
  EXPECT_EQ(testing::CountThreads(), threads + 4);
  ExpectEchoes();
  for (const SocketAddress& address : engine->addresses()) {
    EXPECT_TRUE(engine->DuplicateListener(address).ok()) << address.ToString();
  }
  EXPECT_TRUE(Stop().ok());
}

INSTANTIATE_TEST_SUITE_P(, ListenInEachModeTest,
                         ::testing::Values(AcceptMode::kAcceptor, AcceptMode::kReusePort));

TEST_F(ListenTest, WithoutAListenerForItThereIsNoAcceptor) {
  options = {.loops = 2, .accept_mode = AcceptMode::kAcceptor};
  const size_t threads = testing::CountThreads();
  StartOn(Listen{.address = "tcp://127.0.0.1:0", .accept_mode = AcceptMode::kReusePort});
  EXPECT_EQ(testing::CountThreads(), threads + 2);
  ExpectEchoes();
}

TEST_F(ListenTest, ConnectionsOfBothKindsTakeEachOthersPlaces) {
  options = {.loops = 2, .max_connections = 1};
  StartOn({Listen{.address = "tcp://127.0.0.1:0", .accept_mode = AcceptMode::kAcceptor},
           Listen{.address = "tcp://127.0.0.1:0", .accept_mode = AcceptMode::kReusePort}});
  // While one connection has the only place, the next waits at the other listener.
  for (int i = 0; i < 4; ++i) {
    Client first(engine->addresses()[i % 2]);
    ASSERT_TRUE(first.Send("first"));
    EXPECT_EQ(first.Receive(5), "first");
    Client second(engine->addresses()[(i + 1) % 2]);
    ASSERT_TRUE(second.Send("second"));
    first.Close();
    EXPECT_EQ(second.Receive(6), "second");
  }
}

}  // namespace
}  // namespace rondo
