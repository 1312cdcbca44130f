// The samples in the comments of public headers and in the README, which users copy: each compiles
// as it stands, between what it leaves to the reader's fancy.

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

namespace fs = std::filesystem;

struct Sample {
  std::string file;
  int line;  // of `text`, from 1
  std::string text;
};

// What surrounds the sample of `file` whose first line begins with `begins`.
struct Frame {
  std::string file;
  std::string begins;
  std::string before;
  std::string after;
};

const std::string kInCallback = "void Sample(rondo::Connection& connection) {";
const std::string kPool =
    "std::string Compute(const std::string&);\n"
    "struct Pool { template <class Task> void Run(Task) {} };\n";
const std::string kInHandler = kPool + "struct Sample : rondo::EventHandler { Pool pool;";

const std::vector<Frame> kFrames = {
    {"README.md", "#include <iostream>", "", ""},
    {"codec.h", "rondo::LineCodec lines{", kInCallback, "}"},
    {"codecs.h", "auto frames = ", "absl::Status Sample() {", "return absl::OkStatus(); }"},
    {"connection.h", "rondo::Action OnTraffic", kInHandler, "};"},
    {"connection.h", "absl::Span<char> room",
     "struct Reply { char bytes[8]; }; size_t MakeReply(absl::Span<char>);\n" + kInCallback, "}"},
    {"connection.h", "return rondo::CloseIfRefused",
     "std::string Compute(const std::string&);"
     "rondo::Action Sample(rondo::Connection& connection, std::string_view request) {",
     "}"},
    {"connection.h", "connection.Schedule", kInCallback, "}"},
    {"connection_options.h", "rondo::Options options{", "", ""},
    {"engine.h", "auto engine = ",
     "int Fail(const absl::Status&); int Sample(rondo::EventHandler& handler) {",
     "return status.ok() ? 0 : 1; }"},
    {"event_handler.h", "struct Echo", "", ""},
    {"event_loop.h", "connection.loop().Schedule", kInCallback, "}"},
    {"frame_reader.h", "struct Session",
     "struct Sample : rondo::EventHandler { rondo::LineCodec lines_{rondo::MaxFrameBytes(100)};\n"
     "void Serve(rondo::Connection&, std::string_view);",
     "};"},
    {"framed_handler.h", "struct Upper", "", ""},
    {"framed_handler.h", "struct Member", kInCallback, "}"},
    {"framed_handler.h", "rondo::Action OnFrame",
     kPool + "struct Session : rondo::FramedHandler<rondo::JsonCodec>::Context {};\n"
     "struct Sample : rondo::FramedHandler<rondo::LineCodec> {\n"
     "Sample(); Pool pool; static rondo::FramedHandler<rondo::JsonCodec>& messages;\n"
     "bool AsksForUpgrade(std::string_view);\n"
     "rondo::Action Answer(rondo::Connection&, std::string_view);",
     "};"},
    {"listen.h", "auto plain = ",
     "void Sample(rondo::EventHandler& handler, rondo::EventHandler& admin) {", "}"},
    {"load_balancer.h", "// A policy of one's own", "", ""},
    {"offload_handler.h", "struct Resize", "std::string Thumbnail(std::string_view);", ""},
    {"options.h", "rondo::Options options{", "", ""},
    {"options.h", "rondo::Options options = ", "void Sample() {", "}"},
    {"socket_address.h", "rondo::SocketAddress peer", kInCallback, "}"},
    {"socket_options.h", "rondo::Options options{", "", ""},
    {"statistics.h", "const rondo::EngineStatistics", "void Sample(rondo::Engine& engine) {", "}"},
    {"worker_pool.h", "auto pool = ",
     "int Fail(const absl::Status&); void Compress(const std::string&);"
     "int Sample(std::string path) {",
     "return taken ? 0 : 1; }"},
};

// What is set like a sample and is none.
const std::vector<std::pair<std::string, std::string>> kTables = {
    {"codec.h", "LineCodec, DelimiterCodec  too long"},
    {"length_field_codec.h", "| length_offset bytes |"},
    {"options.h", "kEpoll, kEpollEdge, kKqueue"},
    {"options.h", "loops                         0"},
};

// Where a sample's first line begins.
std::string Beginning(const Sample& sample) {
  return sample.text.substr(sample.text.find_first_not_of(' '));
}

bool IsTable(const Sample& sample) {
  const std::string beginning = Beginning(sample);
  if (beginning.starts_with("- ")) return true;
  for (const auto& [file, begins] : kTables) {
    if (sample.file == file && beginning.starts_with(begins)) return true;
  }
  return false;
}

// In a header: what is indented by three blanks or more behind `//`, across empty comments.
void AddSamplesOfHeader(const fs::path& path, std::vector<Sample>& samples) {
  Sample sample{path.filename(), 0, ""};
  std::string gap;
  const auto finish = [&] {
    if (!sample.text.empty() && !IsTable(sample)) samples.push_back(sample);
    sample.text.clear();
    gap.clear();
  };
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    line.erase(0, line.find_first_not_of(' '));
    if (line == "//" && !sample.text.empty()) {
      gap += "\n";
    } else if (line.starts_with("//   ")) {
      if (sample.text.empty()) sample.line = number;
      sample.text += gap + line.substr(5) + "\n";
      gap.clear();
    } else {
      finish();
    }
  }
  finish();
}

void AddSamplesOfReadme(std::vector<Sample>& samples) {
  std::ifstream file(RONDO_SOURCE_ROOT "/README.md");
  int number = 0;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line == "```c++") {
      inside = true;
      samples.push_back({"README.md", number + 1, ""});
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      samples.back().text += line + "\n";
    }
  }
}

std::vector<Sample> AllSamples() {
  std::vector<Sample> samples;
  AddSamplesOfReadme(samples);
  for (const auto& entry : fs::recursive_directory_iterator(RONDO_SOURCE_ROOT "/include")) {
    if (entry.path().extension() == ".h") AddSamplesOfHeader(entry.path(), samples);
  }
  return samples;
}

bool IsFrameOf(const Frame& frame, const Sample& sample) {
  return frame.file == sample.file && Beginning(sample).starts_with(frame.begins);
}

// The compiler names the sample's own place when it does not compile.
std::string Framed(const Sample& sample, const Frame& frame) {
  return frame.before + "\n#line " + std::to_string(sample.line) + " \"" + sample.file + "\"\n" +
         sample.text + frame.after + "\n";
}

class SamplesTest : public InstallTest {
 protected:
  void ExpectCompiles(const std::string& program) const {
    for (const std::string compiler : {"c++", "clang++"}) {
      if (!Has(compiler)) continue;
      const auto compiled = Run("cat >program.cc <<'END'\n" + program + "END\n" + compiler +
                                " -std=c++20 -Wall -Wextra -Werror -Wno-unused"
                                " -I$prefix/include -fsyntax-only program.cc");
      EXPECT_EQ(compiled.status, 0) << compiled.output;
    }
  }
};

TEST_F(SamplesTest, EachCompilesAsItStands) {
  std::string together =
      "#include <iostream>\n#include <memory>\n#include <string>\n#include <string_view>\n"
      "#include \"absl/strings/ascii.h\"\n#include \"rondo/rondo.h\"\n";
  int number = 0;
  for (const Sample& sample : AllSamples()) {
    const Frame* found = nullptr;
    for (const Frame& frame : kFrames) {
      if (IsFrameOf(frame, sample)) found = &frame;
    }
    if (found == nullptr) {
      ADD_FAILURE() << sample.file << ":" << sample.line << ": a sample without a frame";
    } else if (sample.text.starts_with("#include")) {
      ExpectCompiles(Framed(sample, *found));
    } else {
      together += "namespace sample" + std::to_string(++number) + " {\n" +
                  Framed(sample, *found) + "}\n";
    }
  }
  ExpectCompiles(together);
}

TEST_F(SamplesTest, EachFrameHasItsSample) {
  const std::vector<Sample> samples = AllSamples();
  for (const Frame& frame : kFrames) {
    bool found = false;
    for (const Sample& sample : samples) found = found || IsFrameOf(frame, sample);
    EXPECT_TRUE(found) << frame.file << ": " << frame.begins;
  }
}

}  // namespace
}  // namespace rondo
