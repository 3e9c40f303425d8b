// Every cell of RFC 6040 §4.2, Figure 4.

#include "dataplane/esp/ecn.hpp"

#include <gtest/gtest.h>

namespace dataplane::esp {
namespace {

struct Cell {
  std::uint8_t inner;
  std::uint8_t outer;
  std::optional<std::uint8_t> result;
};

constexpr Cell kFigure4[] = {
    {kNotEct, kNotEct, kNotEct}, {kNotEct, kEct0, kNotEct}, {kNotEct, kEct1, kNotEct}, {kNotEct, kCe, std::nullopt},
    {kEct0, kNotEct, kEct0},     {kEct0, kEct0, kEct0},     {kEct0, kEct1, kEct1},     {kEct0, kCe, kCe},
    {kEct1, kNotEct, kEct1},     {kEct1, kEct0, kEct1},     {kEct1, kEct1, kEct1},     {kEct1, kCe, kCe},
    {kCe, kNotEct, kCe},         {kCe, kEct0, kCe},         {kCe, kEct1, kCe},         {kCe, kCe, kCe},
};

TEST(Ecn, Decapsulation) {
  for (const Cell& cell : kFigure4)
    EXPECT_EQ(decapsulated_ecn(cell.inner, cell.outer), cell.result) << int{cell.inner} << ' ' << int{cell.outer};
}

TEST(Ecn, EncapsulationCopiesDscpAndEcn) {
  for (unsigned tos = 0; tos < 256; ++tos) EXPECT_EQ(encapsulated_tos(static_cast<std::uint8_t>(tos)), tos);
}

}  // namespace
}  // namespace dataplane::esp
