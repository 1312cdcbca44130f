// Every rule on a planted violation, and on the code next to it that is right.

#include "tests/tidy/rules.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::tidy {
namespace {

// The one problem, or how many there are.
std::string Only(const Problems& problems) {
  return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
}

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "x;\n";
  return text;
}

TEST(RulesTest, ALayerMayNotIncludeOneAboveIt) {
  const std::string text =
      "#include \"base/slab.h\"\n#include \"reactor/mailbox.h\"\n"
      "#include <vector>\n#include \"absl/status/status.h\"\n";
  EXPECT_TRUE(Only(LayerProblems(Scan("src/buffer/a.cc", text)))
                  .starts_with("src/buffer/a.cc:2: buffer may not include src/reactor/mailbox.h"));
  EXPECT_TRUE(LayerProblems(Scan("src/engine/a.cc", text)).empty());
  EXPECT_TRUE(LayerProblems(Scan("tests/buffer/a.cc", text)).empty());
  EXPECT_EQ(LayerProblems(Scan("examples/a.cc", text)).size(), 2u);
  EXPECT_EQ(LayerProblems(Scan("include/rondo/a.h", text)).size(), 2u);
  EXPECT_TRUE(LayerProblems(Scan("examples/a.cc", "#include <rondo/rondo.h>\n")).empty());
  EXPECT_EQ(LayerProblems(Scan("codecs/a.cc", "#include \"src/net/socket.h\"\n")).size(), 1u);
}

TEST(RulesTest, IncludesAreFoundInTheTree) {
  EXPECT_EQ(PathOfInclude("src/net/a.cc", "rondo/rondo.h"), "include/rondo/rondo.h");
  EXPECT_EQ(PathOfInclude("src/net/a.cc", "base/check.h"), "src/base/check.h");
  EXPECT_EQ(PathOfInclude("src/net/a.cc", "codecs/a.h"), "codecs/a.h");
  EXPECT_EQ(PathOfInclude("src/net/a.cc", "a.h"), "src/net/a.h");
  EXPECT_EQ(PathOfInclude("examples/support/a.cc", "support/a.h"), "examples/support/a.h");
  EXPECT_EQ(PathOfInclude("src/net/a.cc", "absl/status/status.h"), "");
}

TEST(RulesTest, IncludesMayNotGoInACircle) {
  const Source a = Scan("src/poll/a.h", "#include \"poll/b.h\"\n");
  const Source b = Scan("src/poll/b.h", "#include \"src/poll/a.h\"\n");
  EXPECT_TRUE(CycleProblems({a}).empty());
  EXPECT_TRUE(
      Only(CycleProblems({a, b})).starts_with("src/poll/a.h -> src/poll/b.h -> src/poll/a.h"));
  const Source up = Scan("src/poll/c.h", "#include \"net/d.h\"\n");
  const Source down = Scan("src/net/e.h", "#include \"poll/f.h\"\n");
  EXPECT_TRUE(Only(CycleProblems({up, down})).starts_with("net -> poll -> net"));
}

TEST(RulesTest, TheKernelMayNotBeCalledOutsideSys) {
  const std::string text =
      "void F() {\n  ::close(fd);\n  sys::Close(fd);\n  x.close();\n"
      "  // ::close(fd)\n  Log(\"::close(fd)\");\n}\n";
  EXPECT_TRUE(Only(KernelCallProblems(Scan("src/net/a.cc", text)))
                  .starts_with("src/net/a.cc:2: ::close() calls the kernel"));
  EXPECT_TRUE(KernelCallProblems(Scan("src/sys/a.cc", text)).empty());
  EXPECT_EQ(KernelCallProblems(Scan("codecs/a.cc", "int n = read(fd, p, 1);")).size(), 1u);
  EXPECT_TRUE(KernelCallProblems(Scan("src/net/a.h", "size_t read() const;")).empty());
  EXPECT_TRUE(KernelCallProblems(Scan("src/net/a.cc", "auto f = std::bind(g, 1);")).empty());
}

TEST(RulesTest, HeadersOfTheKernelAreForSys) {
  const std::string text = "#include <sys/socket.h>\n#include <unistd.h>\n#include <vector>\n";
  EXPECT_TRUE(Only(SystemHeaderProblems(Scan("src/net/a.cc", text)))
                  .starts_with("src/net/a.cc:2: <unistd.h>"));
  EXPECT_EQ(SystemHeaderProblems(Scan("src/engine/a.cc", text)).size(), 2u);
  EXPECT_TRUE(SystemHeaderProblems(Scan("src/sys/a.cc", text)).empty());
}

TEST(RulesTest, TheLibraryMayNotPrintOrExit) {
  const std::string text =
      "std::cout << 1;\nstd::exit(1);\nabort();\ngetenv(\"A\");\n"
      "signal(1, f);\n// std::cout\nvoid exit(int);\nint signal = 1;\n";
  EXPECT_EQ(BannedWordProblems(Scan("src/net/a.cc", text)).size(), 5u);
  EXPECT_TRUE(BannedWordProblems(Scan("examples/a.cc", text)).empty());
}

TEST(RulesTest, RttiIsForTestsAlone) {
  const std::string text = "if (typeid(a) == typeid(B)) b = dynamic_cast<B*>(&a);\n// typeid\n";
  EXPECT_EQ(RttiProblems(Scan("include/rondo/a.h", text)).size(), 3u);
  EXPECT_EQ(RttiProblems(Scan("examples/a.cc", text)).size(), 3u);
  EXPECT_TRUE(RttiProblems(Scan("tests/a.cc", text)).empty());
}

TEST(RulesTest, ThreadsAndTheirWaitingAreForSysAlone) {
  const std::string text = "std::thread t;\nstd::thread::id i = std::this_thread::get_id();\n";
  EXPECT_EQ(ThreadProblems(Scan("src/reactor/a.cc", text)).size(), 3u);
  EXPECT_EQ(ThreadProblems(Scan("src/engine/a.cc", text)).size(), 3u);
  EXPECT_TRUE(ThreadProblems(Scan("src/sys/a.cc", text)).empty());
  EXPECT_TRUE(ThreadProblems(Scan("tests/a_test.cc", text)).empty());
  EXPECT_TRUE(ThreadProblems(Scan("src/engine/a.cc", "absl::MutexLock lock(&mutex_);\n")).empty());
  for (const std::string line :
       {"mutex_.Await(absl::Condition(&done));\n", "absl::Notification ended;\n",
        "return absl::Now();\n", "::pthread_create(&t, nullptr, run, this);\n",
        "std::random_device device;\n"}) {
    EXPECT_EQ(ThreadProblems(Scan("src/engine/a.cc", line)).size(), 1u) << line;
  }
}

TEST(RulesTest, TestsMayNotSleep) {
  const std::string text = "std::this_thread::sleep_for(x);\nabsl::SleepFor(y);\nusleep(1);\n";
  EXPECT_EQ(SleepProblems(Scan("tests/a_test.cc", text)).size(), 3u);
  EXPECT_EQ(SleepProblems(Scan("tests/a.py", "time.sleep(1)\n")).size(), 1u);
  EXPECT_TRUE(SleepProblems(Scan("examples/a.cc", text)).empty());
}

TEST(RulesTest, PlatformsMayNotBeBranches) {
  const std::string text =
      "#ifndef RONDO_NET_A_H_\n#define RONDO_NET_A_H_\n#  if  defined(__linux__)\n"
      "#endif\n#endif\n";
  EXPECT_TRUE(Only(ConditionalProblems(Scan("src/net/a.h", text)))
                  .starts_with("src/net/a.h:3: #if defined(__linux__)"));
  EXPECT_TRUE(ConditionalProblems(Scan("tests/a.h", text)).empty());
}

TEST(RulesTest, HeadersNeedAParagraphAndAGuard) {
  const std::string guard = "#ifndef RONDO_A_H_\n#define RONDO_A_H_\n#endif  // RONDO_A_H_\n";
  EXPECT_TRUE(HeaderProblems(Scan("include/rondo/a.h", "// What it is.\n" + guard)).empty());
  EXPECT_EQ(HeaderProblems(Scan("include/rondo/a.h", guard)).size(), 1u);
  EXPECT_EQ(HeaderProblems(Scan("include/rondo/b.h", "// What it is.\n" + guard)).size(), 1u);
  EXPECT_EQ(HeaderProblems(Scan("include/rondo/a.h", "// What it is.\n#pragma once\n")).size(), 1u);
  EXPECT_EQ(HeaderProblems(Scan("include/rondo/a.h", "")).size(), 2u);
}

TEST(RulesTest, FunctionsAndFilesHaveABudget) {
  const Source fits = Scan("src/net/a.cc", "void F() {\n" + Lines(58) + "}\n");
  EXPECT_TRUE(FunctionSizeProblems(fits, {}).empty());
  const Source large = Scan("src/net/a.cc", "void F() {\n" + Lines(59) + "}\n");
  EXPECT_TRUE(Only(FunctionSizeProblems(large, {})).starts_with("src/net/a.cc:1: src/net/a.cc:F"));
  EXPECT_TRUE(FileSizeProblems(Scan("src/net/a.cc", Lines(400)), {}).empty());
  EXPECT_EQ(FileSizeProblems(Scan("src/net/a.cc", Lines(401)), {}).size(), 1u);
}

TEST(RulesTest, GrantedSizesMayOnlyShrink) {
  const Source source = Scan("a.cc", Lines(450));
  EXPECT_TRUE(FileSizeProblems(source, {{"a.cc", 450}}).empty());
  EXPECT_EQ(FileSizeProblems(source, {{"a.cc", 449}}).size(), 1u);
  EXPECT_NE(Only(FileSizeProblems(source, {{"a.cc", 451}})).find("lower"), std::string::npos);
  EXPECT_NE(Only(FileSizeProblems(Scan("a.cc", Lines(400)), {{"a.cc", 450}})).find("off the list"),
            std::string::npos);
  EXPECT_EQ(StaleProblems({source}, {{"b.cc", 450}}).size(), 1u);
}

TEST(RulesTest, FoldersOfSrcHaveABudget) {
  const std::vector<Source> sources = {
      Scan("src/net/a.cc", Lines(1000)), Scan("src/net/b.h", Lines(501)),
      Scan("src/net/inner/c.cc", Lines(1500)), Scan("tests/net/d.cc", Lines(2000))};
  EXPECT_TRUE(
      Only(FolderSizeProblems(sources, {})).starts_with("src/net has 1501 lines, 1500 are"));
  EXPECT_TRUE(FolderSizeProblems(sources, {{"src/net", 1600}}).empty());
  EXPECT_NE(Only(FolderSizeProblems(sources, {{"src/net", 1702}})).find("lower"),
            std::string::npos);
  EXPECT_NE(Only(FolderSizeProblems({sources[0]}, {{"src/net", 1600}})).find("off the list"),
            std::string::npos);
  EXPECT_NE(Only(FolderSizeProblems({}, {{"src/net", 1600}})).find("gone"), std::string::npos);
}

TEST(RulesTest, CommentsAvoidUnclearPhrases) {
  const Source source = Scan("src/net/a.cc",
                             "// It is to be had.\nint x;  // Nobody comes\n"
                             "// and they are\n// to be left.\nF(\"is to be\");\n");
  EXPECT_TRUE(Only(PhraseProblems(source.path, source.comments, {}))
                  .starts_with("src/net/a.cc has 3 unclear phrases in comments, 0 are allowed"));
  EXPECT_TRUE(PhraseProblems(source.path, source.comments, {{"src/net/a.cc", 3}}).empty());
  EXPECT_NE(Only(PhraseProblems(source.path, source.comments, {{"src/net/a.cc", 4}})).find("lower"),
            std::string::npos);
  EXPECT_TRUE(PhraseProblems("a.cc", {"// what this is to begin with, of which"}, {}).empty());
}

TEST(RulesTest, ScriptsHaveCommentsToo) {
  const std::vector<std::string> expected = {"", " one", " two", "", ""};
  EXPECT_EQ(ScriptComments("#!/bin/bash\n# one\nx=1  # two\n${#x}\n\n"), expected);
}

TEST(RulesTest, EndpointsAreNotCastJustAnywhere) {
  const Source acceptor = Scan("src/loop/a.cc", "auto& a = static_cast<Acceptor&>(endpoint);\n");
  EXPECT_TRUE(Only(CastProblems({acceptor}, {})).starts_with("src/loop/a.cc:1: static_cast<Acc"));
  EXPECT_TRUE(CastProblems({acceptor}, {{"src/loop/a.cc", "Acceptor"}}).empty());
  EXPECT_NE(Only(CastProblems({}, {{"src/loop/a.cc", "Acceptor"}})).find("off the list"),
            std::string::npos);
  const std::string stream = "static_cast<const stream::StreamConnection&>(endpoint)\n";
  EXPECT_EQ(CastProblems({Scan("src/loop/a.cc", stream)}, {}).size(), 1u);
  EXPECT_TRUE(CastProblems({Scan("src/poll/endpoint.h", stream)}, {}).empty());
  EXPECT_TRUE(CastProblems({Scan("tests/loop/a.cc", stream)}, {}).empty());
  const std::string others = "static_cast<Acceptor*>(p) static_cast<MyAcceptor&>(e)\n";
  EXPECT_TRUE(CastProblems({Scan("src/loop/a.cc", others)}, {}).empty());
}

TEST(RulesTest, AFieldOfLoopServicesIsUsedInFewFiles) {
  const Source header = Scan("src/reactor/loop_services.h",
                             "struct LoopServices {\n"
                             "  LoopServices(int a);\n"
                             "  int Tick() { return now; }\n"
                             "  Poller& poller;\n"
                             "  int now ABSL_GUARDED_BY(on_loop) = 0;\n"
                             "  Timers timers ABSL_GUARDED_BY(on_loop);\n"
                             "};\nstruct Other {\n  int budget;\n};\n");
  std::vector<Source> sources = {header};
  const std::string uses =
      "services.poller.Wait(); services_.now = 1; services->timers; services.Tick();\n"
      "services.budget; my_services.nowhere;\n";
  for (const char* name : {"a", "b", "c"}) {
    sources.push_back(Scan(std::string("src/loop/") + name + ".cc", uses));
  }
  EXPECT_TRUE(FieldUseProblems(sources).empty());
  sources.push_back(Scan("src/loop/d.cc", uses));
  EXPECT_EQ(FieldUseProblems(sources).size(), 3u);
  EXPECT_TRUE(FieldUseProblems({sources.begin() + 1, sources.end()}).empty());
  sources.back() = Scan("src/loop/d.cc", "// services.poller\nservices_.now\n");
  EXPECT_TRUE(Only(FieldUseProblems(sources))
                  .starts_with("src/reactor/loop_services.h: 4 files use LoopServices::now, 3"));
}

TEST(RulesTest, WhatIsUnfinishedNeedsAReason) {
  const std::string word =
      "TO"
      "DO";
  EXPECT_EQ(UnfinishedProblems("a.cc", {"// " + word + " later"}).size(), 1u);
  EXPECT_EQ(UnfinishedProblems("a.cc", {"// " + word + ": later"}).size(), 1u);
  EXPECT_TRUE(UnfinishedProblems("a.cc", {"// " + word + ": wait for liburing 2.4"}).empty());
  EXPECT_EQ(UnfinishedProblems("a.cc", {"// FIX"
                                        "ME: wait for liburing 2.4"})
                .size(),
            1u);
}

TEST(RulesTest, LinesAreMeasuredInCharacters) {
  EXPECT_TRUE(LayoutProblems("a.cc", std::string(100, 'x') + "\n").empty());
  EXPECT_EQ(LayoutProblems("a.cc", std::string(101, 'x') + "\n").size(), 1u);
  EXPECT_TRUE(LayoutProblems("a.cc", std::string(99, 'x') + "─\n").empty());
  EXPECT_EQ(LayoutProblems("a.cc", "a\tb\n").size(), 1u);
  EXPECT_EQ(LayoutProblems("a.cc", "a \n").size(), 1u);
  EXPECT_EQ(LayoutProblems("a.cc", "a").size(), 1u);
}

TEST(RulesTest, EveryFileIsNamedInMeson) {
  const Source a = Scan("src/net/a.cc", "#include \"net/b.h\"\n"), b = Scan("src/net/b.h", "");
  EXPECT_TRUE(BuildProblems({a, b}, {{"src/net/meson.build", "files('a.cc')"}}).empty());
  EXPECT_TRUE(BuildProblems({a, b}, {{"src/meson.build", "files('net/a.cc')"}}).empty());
  EXPECT_EQ(BuildProblems({a, b}, {{"src/net/meson.build", "files('aa.cc')"}}).size(), 1u);
  EXPECT_TRUE(
      BuildProblems({a, b}, {{"meson.build", "foreach n : ['src/net/a'] n + '.cc'"}}).empty());
  EXPECT_EQ(BuildProblems({b}, {}).size(), 1u);
  EXPECT_EQ(BuildProblems({Scan("include/rondo/c.h", "")}, {}).size(), 1u);
}

TEST(RulesTest, AllOfRondoIsAllOfThePublicHeaders) {
  const Source all = Scan("include/rondo/rondo.h", "#include \"rondo/a.h\"\n");
  const Source a = Scan("include/rondo/a.h", ""), b = Scan("include/rondo/b.h", "");
  EXPECT_TRUE(PublicHeaderProblems({a, all, Scan("src/net/c.h", "")}).empty());
  EXPECT_TRUE(Only(PublicHeaderProblems({a, b, all})).starts_with("include/rondo/b.h:1: "));
  EXPECT_EQ(PublicHeaderProblems({a, b}).size(), 2u);
}

TEST(RulesTest, AHeaderInAFolderIsInTheListOfThatFolder) {
  const Source all = Scan("include/rondo/rondo.h", "#include \"rondo/codecs.h\"\n");
  const Source list = Scan("include/rondo/codecs.h", "#include \"rondo/codecs/a.h\"\n");
  const Source a = Scan("include/rondo/codecs/a.h", ""), b = Scan("include/rondo/codecs/b.h", "");
  EXPECT_TRUE(PublicHeaderProblems({a, all, list}).empty());
  EXPECT_TRUE(
      Only(PublicHeaderProblems({a, b, all, list})).starts_with("include/rondo/codecs/b.h:1: "));
  EXPECT_EQ(PublicHeaderProblems({a, all}).size(), 1u);
  const Source lists_nothing = Scan("include/rondo/rondo.h", "");
  EXPECT_TRUE(
      Only(PublicHeaderProblems({a, lists_nothing, list})).starts_with("include/rondo/codecs.h:1"));
}

TEST(RulesTest, EverySystemHasWhatSysDeclares) {
  const Source header = Scan("src/sys/sys.h",
                             "// --- Bytes.\nint Count(int fd);\n"
                             "// --- Waiting, on Linux.\nint Wait();\n"
                             "// --- Time.\nint Now();\n");
  const Source all = Scan("src/sys/sys.cc", "int Now() { return 1; }\n");
  const Source linux_only = Scan("src/sys/sys_linux.cc", "int Count(int) { return 2; }\n");
  const Source bsd = Scan("src/sys/sys_bsd.cc", "int Count(int) { return 3; }\n");
  EXPECT_TRUE(SystemProblems({header, all, linux_only, bsd}).empty());
  EXPECT_EQ(SystemProblems({header, all, linux_only}).size(), 2u);
  EXPECT_EQ(Only(SystemProblems({header, all, bsd})),
            "src/sys/sys.h:2: Count is not defined on Linux");
}

TEST(RulesTest, TheTopLevelIsClosed) {
  EXPECT_TRUE(TopLevelProblems({"src", "README.md", ".ci"}).empty());
  EXPECT_EQ(TopLevelProblems({"src", "docs"}).size(), 1u);
}

}  // namespace
}  // namespace rondo::tidy
