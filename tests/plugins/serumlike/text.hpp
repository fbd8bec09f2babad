// How a parameter reads at a raw value. The framework writes a number at best; build.sh has it ask here instead.
#pragma once
#include <cstdint>

void serumlike_text(int16_t* utf16, uint32_t index, double raw);

#define PARAMETER_TEXT(output, index, raw) serumlike_text(output, index, raw)
