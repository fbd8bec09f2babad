// A small stereo synth that shows the parameters of Serum 1, by name, order, default and display text, so that what binds
// to Serum's names meets a real plugin binary. It contains nothing of Serum's: a saw that turns into a square, a sub, noise,
// one low-pass, one envelope. Level, pitch, cutoff and envelope follow their parameters by the curves of the sheet.
//
// Control changes, on any channel: 1 Mod Wheel, 7 MasterVol, 71 Fil Reso, 74 Fil Cutoff, 73 Env1 Atk, 75 Env1 Dec,
// 72 Env1 Rel, 14-17 Macro 1-4 (Macro 1 opens the filter), 120 and 123 silence.

#include "DistrhoPlugin.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Row {
    const char* name;
    float normal;        // default, raw
    const char* law;     // see value_of
    const char* unit;
    int synced;          // row of the switch that turns it into a division of a bar; its own: always; -1: never
    const char* choices; // a|b|c
};

constexpr Row ROWS[] = {
#include "table.h"
};
constexpr uint32_t N = sizeof(ROWS) / sizeof(ROWS[0]);
static_assert(N == SERUMLIKE_PARAMETERS, "the table has another number of rows");

// Places in the sheet; every build keeps them.
enum {
    MASTER = 0, A_VOL = 1, A_PAN, A_OCTAVE, A_SEMI, A_FINE, A_WTPOS = 11, B_VOL = 14, B_PAN, B_OCTAVE, B_SEMI, B_FINE, B_WTPOS = 24,
    NOISE = 27, SUB = 33, ATTACK = 35, HOLD, DECAY, SUSTAIN, RELEASE, A_FILTERED = 40, B_FILTERED, N_FILTERED, S_FILTERED,
    CUTOFF = 45, RESO = 46, FILTER_MIX = 49, TUNE = 80, SUB_OCTAVE = 171, A_ON = 212, B_ON, N_ON, S_ON, FILTER_ON, WHEEL = 217, MACRO_1 = 218
};

constexpr struct { uint8_t cc; uint32_t row; } CONTROLS[] = {
    {1, WHEEL}, {7, MASTER}, {71, RESO}, {74, CUTOFF}, {73, ATTACK}, {75, DECAY}, {72, RELEASE},
    {14, MACRO_1}, {15, MACRO_1 + 1}, {16, MACRO_1 + 2}, {17, MACRO_1 + 3},
};

// The first step, of 228, at which each division of the BPM ladder stands.
constexpr struct { int step; const char* text; } LADDER[] = {
    {0, "32 bar"}, {14, "16 bar"}, {30, "8 bar"}, {47, "4 bar"}, {63, "2 bar"}, {79, "bar"}, {95, "1/2"}, {112, "1/4"},
    {128, "1/8"}, {144, "1/16"}, {161, "1/32"}, {177, "1/64"}, {193, "1/128"}, {209, "1/256"},
};

std::array<float, N> shown; // what the texts of synced parameters look at: the switches of the last instance that moved

std::vector<std::string> choices_of(const Row& row)
{
    std::vector<std::string> out(1);
    for (const char* c = row.choices; *c; ++c)
        if (*c == '|') out.emplace_back();
        else out.back() += *c;
    return out;
}

// The value at a raw 0..1, by the law of a row.
double value_of(const Row& row, double n)
{
    char kind[16] = "";
    double a = 0, b = 0, c = 0;
    std::sscanf(row.law, "%15s %lf %lf %lf", kind, &a, &b, &c);
    const std::string law = kind;
    if (law == "power") return a + b * std::pow(n, c);
    if (law == "octaves") return std::min(a * std::pow(2.0, b * n), 22050.0);
    if (law == "round") return a + std::floor(b * n + 0.5);
    if (law == "db") return a * std::log10(std::max(b * n, 1e-6));
    if (law == "gain") return 20 * std::log10(1 + a * n * n);
    if (law == "ratio") return 1 / std::max(1 - n, 0.001);
    return a + b * n; // linear
}

std::string text_of(uint32_t index, double n)
{
    const Row& row = ROWS[index];
    if (*row.choices) {
        const std::vector<std::string> choices = choices_of(row);
        return choices[std::size_t(std::floor(n * double(choices.size() - 1) + 0.5))];
    }
    if (row.synced == int(index) || (row.synced >= 0 && shown[std::size_t(row.synced)] >= 0.5f)) {
        const char* text = LADDER[0].text;
        for (const auto& rung : LADDER)
            if (std::floor(228 * n + 0.5) >= rung.step) text = rung.text;
        return text;
    }
    const double value = value_of(row, n);
    const std::string unit = row.unit;
    char text[64];
    if (unit == "s") std::snprintf(text, sizeof text, value < 1 ? "%.2f ms" : "%.2f s", value < 1 ? 1000 * value : value);
    else if (unit == "dB" && n == 0 && std::strncmp(row.law, "db", 2) == 0) return "-inf dB";
    else if (unit == "dB") std::snprintf(text, sizeof text, "%.1f dB", value);
    else if (unit == "Hz") std::snprintf(text, sizeof text, value < 100 ? "%.2f Hz" : "%.0f Hz", value);
    else if (unit == "%") std::snprintf(text, sizeof text, "%.0f%%", value);
    else if (std::strncmp(row.law, "round", 5) == 0) std::snprintf(text, sizeof text, "%.0f%s%s", value, *row.unit ? " " : "", row.unit);
    else std::snprintf(text, sizeof text, "%.3g%s%s", value, *row.unit ? " " : "", row.unit);
    return text;
}

double seconds(double n) { return 32 * std::pow(n, 5.0); }

struct Voice {
    bool sounds = false, held = false;
    uint8_t note = 0;
    float velocity = 0;
    double phase_a = 0, phase_b = 0, phase_sub = 0, age_s = 0, let_go_s = 0, at_release = 0, level = 0;
    double low[2] = {0, 0}, band[2] = {0, 0}; // the filter's state, a side each
    uint32_t noise = 1;
};

} // namespace

void serumlike_text(int16_t* utf16, uint32_t index, double raw)
{
    const std::string text = text_of(index, raw);
    const std::size_t n = std::min<std::size_t>(text.size(), 127);
    std::copy_n(text.begin(), n, utf16);
    utf16[n] = 0;
}

START_NAMESPACE_DISTRHO

class Serumlike : public Plugin
{
public:
    Serumlike() : Plugin(N, 0, 1)
    {
        for (uint32_t i = 0; i < N; ++i) raw[i] = shown[i] = ROWS[i].normal;
    }

protected:
    const char* getLabel() const override { return "serumlike"; }
    const char* getMaker() const override { return "The WhisperSynth authors"; }
    const char* getLicense() const override { return "GPL-3.0-or-later"; }
    uint32_t getVersion() const override { return d_version(1, 3, N % 100); }
    int64_t getUniqueId() const override { return d_cconst('w', 's', 's', char('0' + N % 10)); }

    void initParameter(uint32_t index, Parameter& parameter) override
    {
        const Row& row = ROWS[index];
        parameter.hints = kParameterIsAutomatable;
        parameter.name = row.name;
        parameter.symbol = String("p") + String(int(index));
        parameter.ranges.min = 0.0f;
        parameter.ranges.max = 1.0f;
        parameter.ranges.def = row.normal;
        // A label says the unit at the default, and the texts go on saying their own.
        if (N == 349) {
            const bool is_ms = std::strcmp(row.unit, "s") == 0 && value_of(row, row.normal) < 1;
            parameter.unit = is_ms ? "ms" : row.unit;
        }
    }

    float getParameterValue(uint32_t index) const override { return raw[index]; }

    void setParameterValue(uint32_t index, float value) override { raw[index] = shown[index] = value; }

    // One text that no parameter holds, as the name of a preset: it must survive with the rest.
    void initState(uint32_t, State& state) override
    {
        state.key = "name";
        state.label = "Name";
        state.defaultValue = "Init";
    }

    void setState(const char*, const char*) override {}

    void activate() override { voices.fill(Voice()); }

    void run(const float**, float** outputs, uint32_t frames, const MidiEvent* events, uint32_t n_events) override
    {
        uint32_t done = 0;
        for (uint32_t i = 0; i <= n_events; ++i) {
            const uint32_t until = i < n_events ? std::min(events[i].frame, frames) : frames;
            for (; done < until; ++done) sample(outputs[0][done], outputs[1][done]);
            if (i < n_events && events[i].size <= MidiEvent::kDataSize) midi(events[i].data);
        }
    }

private:
    std::array<float, N> raw;
    std::array<Voice, 8> voices;

    void midi(const uint8_t* data)
    {
        const uint8_t status = data[0] & 0xF0;
        if (status == 0x90 && data[2] > 0) start(data[1], data[2]);
        else if (status == 0x80 || status == 0x90) release(data[1]);
        else if (status == 0xB0) control(data[1], data[2]);
    }

    void control(uint8_t cc, uint8_t value)
    {
        if (cc == 120 || cc == 123) voices.fill(Voice());
        for (const auto& c : CONTROLS)
            if (c.cc == cc) raw[c.row] = float(value) / 127;
    }

    void start(uint8_t note, uint8_t velocity)
    {
        Voice* chosen = &voices[0];
        for (Voice& v : voices) {
            if (!v.sounds) { chosen = &v; break; }
            if (v.age_s > chosen->age_s) chosen = &v;
        }
        *chosen = Voice();
        chosen->sounds = chosen->held = true;
        chosen->note = note;
        chosen->velocity = float(velocity) / 127;
    }

    void release(uint8_t note)
    {
        for (Voice& v : voices)
            if (v.sounds && v.held && v.note == note) {
                v.held = false;
                v.let_go_s = v.age_s;
                v.at_release = v.level;
            }
    }

    double envelope(const Voice& v) const
    {
        const double attack = seconds(raw[ATTACK]), hold = seconds(raw[HOLD]), decay = seconds(raw[DECAY]), sustain = raw[SUSTAIN] * raw[SUSTAIN];
        if (!v.held) return v.at_release * std::exp(-5 * (v.age_s - v.let_go_s) / std::max(seconds(raw[RELEASE]), 1e-4));
        if (v.age_s < attack) return v.age_s / attack;
        if (v.age_s < attack + hold) return 1;
        return sustain + (1 - sustain) * std::exp(-5 * (v.age_s - attack - hold) / std::max(decay, 1e-4));
    }

    double hz(const Voice& v, uint32_t octave, uint32_t semi, uint32_t fine) const
    {
        const double st = 12 * (std::floor(8 * raw[octave] + 0.5) - 4) + std::floor(24 * raw[semi] + 0.5) - 12 + 2 * raw[fine] - 1;
        return 440 * std::pow(2.0, (v.note - 69 + st) / 12);
    }

    // Saw at position 0, square at 1.
    static double wave(double& phase, double step, double position)
    {
        phase += step;
        phase -= std::floor(phase);
        return (1 - position) * (2 * phase - 1) + position * (phase < 0.5 ? 1 : -1);
    }

    void sample(float& left, float& right)
    {
        left = right = 0;
        for (Voice& v : voices)
            if (v.sounds) voice(v, left, right);
    }

    void voice(Voice& v, float& left, float& right)
    {
        const double rate = getSampleRate();
        v.level = envelope(v);
        double clean[2] = {0, 0}, filtered[2] = {0, 0};
        const auto mix = [&](double x, uint32_t through, float pan) {
            double* to = raw[through] >= 0.5f ? filtered : clean;
            to[0] += x * std::min(1.0f, 2 - 2 * pan);
            to[1] += x * std::min(1.0f, 2 * pan);
        };
        const double hz_a = hz(v, A_OCTAVE, A_SEMI, A_FINE);
        if (raw[A_ON] >= 0.5f) mix(raw[A_VOL] * raw[A_VOL] * wave(v.phase_a, hz_a / rate, raw[A_WTPOS]), A_FILTERED, raw[A_PAN]);
        if (raw[B_ON] >= 0.5f) mix(raw[B_VOL] * raw[B_VOL] * wave(v.phase_b, hz(v, B_OCTAVE, B_SEMI, B_FINE) / rate, raw[B_WTPOS]), B_FILTERED, raw[B_PAN]);
        if (raw[S_ON] >= 0.5f) {
            v.phase_sub += hz_a * std::pow(2.0, std::floor(8 * raw[SUB_OCTAVE] + 0.5) - 4) / rate;
            mix(raw[SUB] * raw[SUB] * std::sin(6.283185307 * v.phase_sub), S_FILTERED, 0.5f);
        }
        if (raw[N_ON] >= 0.5f) {
            v.noise = v.noise * 1664525u + 1013904223u; // the same noise for each note, so that renders can be compared
            mix(raw[NOISE] * raw[NOISE] * (double(v.noise) / 2147483648.0 - 1), N_FILTERED, 0.5f);
        }
        if (raw[FILTER_ON] >= 0.5f) low_pass(v, filtered, rate);
        const double gain = 0.5 * v.velocity * v.level * std::pow(raw[MASTER], 3.0);
        left += float(gain * (clean[0] + filtered[0]));
        right += float(gain * (clean[1] + filtered[1]));
        v.age_s += 1 / rate;
        if (!v.held && v.level < 1e-5) v.sounds = false;
    }

    // A state-variable filter, 12 dB an octave (trapezoidal, after Andrew Simper's "SvfLinearTrapOptimised2").
    void low_pass(Voice& v, double* x, double rate) const
    {
        const double open = std::min(1.0, raw[CUTOFF] + 0.5 * raw[WHEEL] + 0.5 * raw[MACRO_1]);
        const double g = std::tan(3.141592654 * std::min(8.1758 * std::pow(2.0, 11.4 * open), 0.45 * rate) / rate);
        const double k = 2 - 1.9 * raw[RESO], a1 = 1 / (1 + g * (g + k));
        for (int side = 0; side < 2; ++side) {
            const double high = x[side] - v.low[side];
            const double band = a1 * (v.band[side] + g * high), low = v.low[side] + g * band;
            v.band[side] = 2 * band - v.band[side];
            v.low[side] = 2 * low - v.low[side];
            x[side] += raw[FILTER_MIX] * (low - x[side]);
        }
    }

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(Serumlike)
};

Plugin* createPlugin() { return new Serumlike(); }

END_NAMESPACE_DISTRHO
