// The scanner's own tests: what the rules of this folder see is what is there.

#include "tests/tidy/scanner.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::tidy {
namespace {

std::vector<std::string> NamesOf(const std::vector<Function>& functions) {
  std::vector<std::string> names;
  for (const Function& function : functions) names.push_back(function.name);
  return names;
}

TEST(ScannerTest, TellsCodeFromComments) {
  const Source source = Scan("a.cc", "int a; // one\n/* two\n three */ int b;\n");
  EXPECT_EQ(source.code, (std::vector<std::string>{"int a;       ", "      ", "          int b;"}));
  EXPECT_EQ(source.comments,
            (std::vector<std::string>{"       // one", "/* two", " three */       "}));
}

TEST(ScannerTest, BlanksTheInsidesOfLiterals) {
  const Source source = Scan("a.cc", "f(\"// {\", '\"', '\\'', R\"x(\")\" {)x\", 1'000); // {\n");
  EXPECT_EQ(source.code[0], "f(\"    \", ' ', '  ', R\"         \", 1'000);     ");
  EXPECT_EQ(source.comments[0].find("// {"), source.lines[0].rfind("// {"));
}

TEST(ScannerTest, ReadsNamesWithTheirQualification) {
  const auto words = Words(Scan("a.cc", "int fd = ::close (socket->fd()), std::max<int>(x.y, 1);"));
  ASSERT_GE(words.size(), 8u);
  EXPECT_EQ(words[1].name, "fd");
  EXPECT_TRUE(words[1].declared);
  EXPECT_EQ(words[2].name, "::close");
  EXPECT_TRUE(words[2].called);
  EXPECT_FALSE(words[2].declared);
  EXPECT_EQ(words[4].name, "fd");
  EXPECT_TRUE(words[4].member);
  EXPECT_TRUE(words[4].called);
  EXPECT_EQ(words[5].name, "std::max");
  EXPECT_EQ(LastPart(words[5].name), "max");
}

TEST(ScannerTest, ACallThatIsReturnedIsNotADeclaration) {
  EXPECT_FALSE(Words(Scan("a.cc", "return read(fd);"))[1].declared);
  EXPECT_TRUE(Words(Scan("a.cc", "size_t read() const;"))[1].declared);
  EXPECT_TRUE(Words(Scan("a.cc", "A(int x)\n    : socket(x),\n      poll(x) {}"))[3].declared);
  EXPECT_TRUE(Words(Scan("a.cc", "A(int x)\n    : socket(x),\n      poll(x) {}"))[5].declared);
}

TEST(ScannerTest, FindsIncludes) {
  const auto includes = Includes(Scan("a.cc",
                                      "#include <map>\n// #include <set>\n"
                                      "#  include \"sys/sys.h\"\n"));
  ASSERT_EQ(includes.size(), 2u);
  EXPECT_EQ(includes[0].name, "map");
  EXPECT_FALSE(includes[0].quoted);
  EXPECT_EQ(includes[1].name, "sys/sys.h");
  EXPECT_TRUE(includes[1].quoted);
  EXPECT_EQ(includes[1].line, 3);
}

TEST(ScannerTest, MeasuresFunctionsInNamespacesAndClasses) {
  const auto functions = Functions(Scan("a.cc", R"(namespace a {
namespace {
int F(int x) {
  if (x) { return 1; }
  return "}"[0];
}
}  // namespace
class B : public C {
 public:
  B(std::vector<int> x = {1}) : a_{1}, b_(2) {
    G();
  }
  template <class T>
  void H() const;
  int a_{0};
};
const int kTable[] = {
    1,
};
TEST(B, IsC) {
}
)"));
  EXPECT_EQ(NamesOf(functions), (std::vector<std::string>{"F", "B", "TEST(B, IsC)"}));
  EXPECT_EQ(functions[0].line, 3);
  EXPECT_EQ(functions[0].lines, 4);
  EXPECT_EQ(functions[1].line, 10);
  EXPECT_EQ(functions[1].lines, 3);
  EXPECT_EQ(functions[2].lines, 2);
}

TEST(ScannerTest, MeasuresTheWholeHeadOfAFunction) {
  const auto functions = Functions(Scan("a.cc", R"(#define X {
template <class T, class U = std::vector<T>>
struct S* Long(T a,
               U b) {
}
enum class E { kA };
)"));
  ASSERT_EQ(NamesOf(functions), (std::vector<std::string>{"Long"}));
  EXPECT_EQ(functions[0].line, 2);
  EXPECT_EQ(functions[0].lines, 4);
}

TEST(ScannerTest, FindsCycles) {
  EXPECT_TRUE(FindCycle({{"a", {"b", "c"}}, {"b", {"c"}}, {"c", {}}}).empty());
  EXPECT_EQ(FindCycle({{"a", {"b"}}, {"b", {"c"}}, {"c", {"b"}}}),
            (std::vector<std::string>{"b", "c", "b"}));
  EXPECT_EQ(FindCycle({{"a", {"a"}}}), (std::vector<std::string>{"a", "a"}));
}

}  // namespace
}  // namespace rondo::tidy
