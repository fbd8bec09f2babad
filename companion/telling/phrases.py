"""What every section, choice and strength of a patch sounds like: the tables `explain` reads from.

A phrase may name settings of its own section in braces: `{cutoff}` is the value in words, `{cutoff.word}` the word its
strength has in GRADES, `{type.phrase}` the phrase its choice has in CHOICES. The rest of the names are in `wording.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from companion.telling.words import Grades

TITLES: dict[str, str] = {
    "osc1": "Oscillator 1",
    "osc2": "Oscillator 2",
    "sub": "Sub oscillator",
    "noise": "Noise",
    "filter1": "Filter 1",
    "filter2": "Filter 2",
    "env1": "Loudness (envelope 1)",
    **{f"mod{n}": f"Routing {n}" for n in range(1, 9)},
    "env2": "Envelope 2",
    "env3": "Envelope 3",
    "lfo1": "LFO 1",
    "lfo2": "LFO 2",
    "distortion": "Distortion",
    "chorus": "Chorus",
    "phaser": "Phaser",
    "flanger": "Flanger",
    "delay": "Delay",
    "reverb": "Reverb",
    "compressor": "Compressor",
    "eq": "EQ",
    "voice": "Playing",
    "volume": "Volume",
    "macro": "Macros",
}

WAVES: dict[str, tuple[tuple[float, str], ...]] = {
    "basic_shapes": ((0, "a sine wave"), (31, "a triangle wave"), (50, "a wave between triangle and saw"),
                     (69, "a saw wave"), (85, "a wave between saw and square"), (100, "a square wave")),
    "sine_to_saw": ((0, "a pure tone"), (50, "a soft saw"), (100, "a full saw")),
    "pwm": ((0, "a square wave"), (50, "a pulse wave"), (100, "a thin, nasal pulse")),
    "odd_harmonics": ((0, "a pure tone"), (35, "a soft hollow wave"), (70, "a hollow, square-like wave"),
                      (100, "a hard, hollow square")),
    "saw_stack": ((0, "a saw wave"), (50, "a saw with its octave"), (100, "a saw with two octaves on top")),
    "sub_harmonics": ((0, "a sub sine"), (50, "a sub sine with a soft saw above it"), (100, "a sub with a saw's teeth")),
    "lowpass_sweep": ((0, "a saw with its top closed"), (50, "a half-open saw"), (100, "an open saw")),
    "spectral_tilt": ((0, "a dull wave"), (50, "an even, bright wave"), (100, "a glassy hiss of harmonics")),
    "organ_drawbars": ((0, "a flute stop of an organ"), (50, "a drawbar organ"), (100, "an organ with everything out")),
    "harmonics_single": ((0, "a pure tone"), (50, "a single middle harmonic, like a whistle"),
                         (100, "a single high harmonic, like a whistle")),
    "formant_vowels": ((0, "a voice on A"), (25, "a voice on E"), (50, "a voice on I"), (75, "a voice on O"),
                       (100, "a voice on U")),
    "formant_sweep": ((0, "a soft saw with a low resonance"), (50, "a soft saw with a talking resonance"),
                      (100, "a soft saw with a high, whistling resonance")),
    "hard_sync": ((0, "a saw wave"), (50, "a synced, tearing saw"), (100, "a saw synced far up, tearing and thin")),
    "fm_2to1": ((0, "a pure tone"), (50, "a woody FM tone"), (100, "a reedy FM tone")),
    "fm_bell": ((0, "a pure tone an octave up"), (50, "a soft FM bell"), (100, "a clanging FM bell")),
    "fm_growl": ((0, "a pure tone"), (50, "a throaty FM tone"), (100, "an FM growl")),
    "comb_saw": ((0, "a saw with wide notches"), (50, "a saw with notches, like a frozen phaser"),
                 (100, "a saw with close notches, like a frozen flanger")),
    "bright_digital": ((0, "a few even harmonics"), (50, "a bright, early-digital wave"), (100, "a glaring digital wave")),
    "hollow": ((0, "a pan flute's dull pipe"), (50, "a closed pipe"), (100, "a clarinet's reedy middle")),
    "brass": ((0, "a softly blown horn"), (50, "a horn"), (100, "blaring brass")),
    "strings": ((0, "a smooth saw"), (50, "a bowed string"), (100, "a dark, woody string")),
    "electric_piano": ((0, "a soft electric piano"), (50, "an electric piano with tine ping"),
                       (100, "a barking electric piano")),
    "random_a": ((0, "odd partials, organ-like"), (50, "other odd partials"), (100, "odd partials, thin and strange")),
    "random_b": ((0, "many random partials, grainy"), (50, "a dense grain of partials"), (100, "a rich, rough grain")),
    "own": ((0, "waves of its own"),),
}  # fmt: skip

SUB_WAVES: dict[str, str] = {
    "sine": "a sine wave, all weight and no edge",
    "triangle": "a triangle wave, round with a little edge",
    "saw": "a saw wave, full and buzzing",
    "square": "a square wave, hollow and strong",
    "pulse": "a pulse wave, thin and nasal",
    "own": "a wave of its own",
}

_LOW_PASS = "{cutoff} takes the top off: {cutoff.word}"
_VOWELS = "The mouth stands {vowel} of the way along."
CHOICES: dict[str, dict[str, str]] = {
    "osc.table": {name: "{wave}" for name in WAVES},
    "sub.shape": SUB_WAVES,
    "osc.warp": {
        "none": "",
        "sync": "Hard sync restarts the wave within its own cycle: a tearing, vocal edge",
        "formant": "The wave is squeezed and repeated within its cycle: its resonances move up, the pitch stays",
        "quantize": "The wave is read in coarse steps: a gritty, digital edge",
        "bend": "The wave is bent towards its ends: it moves between thin and full, as a pulse width would",
        "squeeze": "The wave is squeezed towards its middle: brighter and more nasal",
        "pulse": "The wave is pressed together and the rest left silent: thinner, like a narrow pulse",
        "fm_osc": "The other oscillator shakes its pitch (FM): bells, metal, growl",
        "fm_sub": "The sub oscillator shakes its pitch (FM): thick and growling",
        "fm_noise": "Noise shakes its pitch (FM): breath and roughness",
        "rm_osc": "The other oscillator multiplies it (ring modulation): metallic, with tones that are not in the note",
        "rm_sub": "The sub oscillator multiplies it (ring modulation): hollow and metallic",
        "rm_noise": "Noise multiplies it (ring modulation): it crackles and hisses in its own pitch",
    },
    "osc.morph": {
        "none": "",
        "vocode": "Its resonances stay where they are while the pitch moves: a voice-like fixed colour",
        "formant_scale": "Its resonances are moved as a whole: a smaller or larger throat",
        "harmonic_stretch": "Its harmonics are spread apart in even steps: brighter and organ-like",
        "inharmonic_stretch": "Its harmonics are spread unevenly: they drift off the note, bell-like and metallic",
        "smear": "Its harmonics run into their neighbours: soft, blurred, formless",
        "random_amplitudes": "Its harmonics are turned up and down at random: another colour of the same wave",
        "low_pass": "Its upper harmonics are cut inside the wave: darker, with a very steep edge",
        "high_pass": "Its lower harmonics are cut inside the wave: thinner, with a very steep edge",
        "phase_disperse": "Its harmonics are shifted in time against each other: a laser-like chirp at the start of each cycle",
        "shepard_tone": "Octaves of it fade in below and out above: a tone that seems to climb without end",
        "time_skew": "Its harmonics are slid along the table one by one: the colour runs ahead of itself",
    },
    "*.route": {
        "filter1": "It goes through filter 1",
        "filter2": "It goes through filter 2",
        "both": "It goes through both filters",
        "effects": "It goes past the filters, straight into the effects",
        "direct": "It goes straight out, past filters and effects: dry and unfiltered",
    },
    "noise.kind": {
        "white": "White noise: even hiss, for breath, wind and snap",
        "pink": "Pink noise: softer hiss, like rain",
        "brown": "Brown noise: a low rumble, like surf far away",
        "blue": "Blue noise: thin air at the very top",
        "own": "A sound of its own, brought along as a sample",
    },
    "filter.type": {
        "lp12": f"A gentle 12 dB low-pass at {_LOW_PASS}",
        "lp24": f"A 24 dB low-pass at {_LOW_PASS}",
        "bp12": "A band-pass around {cutoff} leaves only the middle: nasal and narrow",
        "bp24": "A 24 dB band-pass around {cutoff} leaves only a narrow band: like through a telephone",
        "hp12": "A gentle 12 dB high-pass at {cutoff} takes the weight out from below: thinner and lighter",
        "hp24": "A 24 dB high-pass at {cutoff} cuts everything below: thin and airy",
        "notch": "A notch takes out the range around {cutoff}: hollow, phaser-like",
        "peak": "A peak lifts the range around {cutoff} and leaves the rest: an accent on one colour",
        "dirty_lp12": f"A dirty 12 dB low-pass, which distorts as it filters, at {_LOW_PASS}",
        "dirty_lp24": f"A dirty 24 dB low-pass, which distorts as it filters, at {_LOW_PASS}",
        "dirty_bp": "A dirty band-pass around {cutoff} leaves a rough, narrow middle",
        "dirty_hp": "A dirty high-pass at {cutoff} takes the weight out and roughens the rest",
        "ladder_lp12": f"A ladder low-pass, 12 dB, warm as in old analogue synths, at {_LOW_PASS}",
        "ladder_lp24": f"A ladder low-pass, 24 dB, the classic warm analogue one, at {_LOW_PASS}",
        "ladder_bp": "A ladder band-pass around {cutoff} leaves a warm, narrow middle",
        "ladder_hp": "A ladder high-pass at {cutoff} takes the weight out from below, softly",
        "digital_lp12": f"A clean digital 12 dB low-pass at {_LOW_PASS}",
        "digital_lp24": f"A clean digital 24 dB low-pass at {_LOW_PASS}",
        "digital_bp": "A clean digital band-pass around {cutoff} leaves only the middle",
        "digital_hp": "A clean digital high-pass at {cutoff} takes the weight out from below",
        "diode_lp": f"A diode low-pass, rubbery and squelching as in acid basses, at {_LOW_PASS}",
        "formant_aoie": f"A vowel filter between A, O, I and E makes it talk. {_VOWELS}",
        "formant_aiuo": f"A vowel filter between A, I, U and O makes it talk. {_VOWELS}",
        "comb": "A comb filter tuned to {cutoff} makes it ring like a tube or a plucked string",
        "comb_flange": "A flanging comb filter at {cutoff} cuts evenly spaced notches: hollow, jet-like",
        "phaser": "A phaser filter around {cutoff} cuts a few deep notches: swirling and vocal",
    },
    "lfo.shape": {
        "sine": "A sine: smooth to and fro",
        "triangle": "A triangle: even to and fro",
        "saw_up": "A rising ramp: climbs, then drops back",
        "saw_down": "A falling ramp: jumps up, then sinks; each cycle is a little pluck",
        "square": "A square: jumps between two states",
        "pulse": "A pulse: up for a quarter of the cycle, down for the rest",
        "steps": "Eight steps, like a little sequencer",
        "own": "A shape of its own",
    },
    "lfo.mode": {
        "trigger": "Every note starts it anew",
        "sync": "It runs along with the song, wherever the note falls",
        "one_shot": "It runs through once for each note and stays at its end, like a drawn envelope",
        "hold": "It waits at its phase point while the key is held and goes on when it is let go",
    },
    "distortion.kind": {
        "soft_clip": "Soft clipping rounds the peaks: warm, tape-like saturation",
        "hard_clip": "Hard clipping cuts the peaks flat: harsh and buzzing",
        "linear_fold": "Folding turns the peaks back on themselves: bright, metallic overtones that move with level",
        "sine_fold": "Sine folding wraps the peaks round: glassy, FM-like overtones",
        "bit_crush": "Fewer bits: grainy, like an early sampler",
        "down_sample": "A lower sample rate: aliased and robotic",
    },
    "distortion.filter": {
        "none": "",
        "pre": "A filter ahead of it at {filter_cutoff} ({filter_resonance} resonance) picks what gets distorted",
        "post": "A filter behind it at {filter_cutoff} ({filter_resonance} resonance) tames the result",
    },
    "delay.style": {
        "mono": "An echo {beat}",
        "stereo": "Echoes {beat}, with times of their own left and right",
        "ping_pong": "Echoes {beat} that jump between left and right",
        "mid_ping_pong": "Echoes {beat} that start in the middle and then jump between left and right",
    },
    "compressor.mode": {
        "multiband": "All three bands are pressed together, loud parts down and quiet parts up: dense, bright and loud",
        "low": "Only low and middle band are pressed together: a firm bottom",
        "high": "Only high and middle band are pressed together: a bright, even top",
        "single": "The whole sound is pressed together as one: even and punchy",
    },
    "eq.low_mode": {
        "shelf": "Below {low_freq} it is shifted by {low_gain}: {low_gain.word}",
        "cut": "What lies below {low_freq} is cut away: less rumble and boom",
    },
    "eq.band_mode": {
        "bell": "Around {band_freq} it is shifted by {band_gain}: {band_gain.word}",
        "notch": "A notch takes out the range around {band_freq}: hollow",
    },
    "eq.high_mode": {
        "shelf": "Above {high_freq} it is shifted by {high_gain}: {high_gain.word}",
        "cut": "What lies above {high_freq} is cut away: rounder, without hiss",
    },
}

_LEVELS: Grades = (
    (-25, "barely there"),
    (-14, "in the background"),
    (-8.5, "a little behind"),
    (-3, "at normal strength"),
    (0, "up front"),
)
_WET: Grades = (
    (0.5, "none of it is heard"),
    (12, "just a shimmer of it"),
    (30, "clearly there, but behind the sound"),
    (60, "a large part of the sound"),
    (100, "the sound bathes in it"),
)
_FALL: Grades = (
    (-20, "drops fast at first and then thins out"),
    (-5, "drops a little faster at first"),
    (5, "falls evenly"),
    (100, "holds on and then drops"),
)
_BEATS: Grades = (
    (15, "so it beats slowly against the rest"),
    (40, "clearly off, for thickness"),
    (100, "far out of tune"),
)

GRADES: dict[str, Grades] = {  # bounds of the value; of its size, where no bound is negative
    "*.level": _LEVELS,
    "volume.level": ((-30, "very quiet"), (-14, "quiet"), (-3, "at normal level"), (6, "loud")),
    "*.fine": _BEATS,
    "voice.tune": _BEATS,
    "osc.detune": ((4, "all but in tune, only fuller"), (20, "slightly out of tune, wide and shimmering"),
                   (45, "clearly out of tune, big and swarming"), (100, "far out of tune, a blurred cluster")),
    "osc.blend": ((30, "far behind"), (70, "behind"), (90, "just behind"), (100, "level with")),
    "osc.width": ((5, "stay in the middle"), (60, "spread half way to the sides"), (100, "spread out to the sides")),
    "filter.cutoff": ((150, "only the bottom is left"), (500, "dark and round"), (1500, "warm and muted"),
                      (5000, "clear, without glare"), (12000, "nearly open"), (21000, "open; it takes hardly anything")),
    "filter.resonance": ((15, "no accent"), (45, "a slight accent"), (65, "a clear accent"), (85, "it sings"), (100, "it whistles")),
    "filter.drive": ((6, "a little warmth"), (12, "a growl"), (20, "dirt")),
    "filter.keytrack": ((30, "a little"), (75, "about half"), (100, "fully")),
    "env.attack": ((0.003, "Starts with a hard edge"), (0.015, "Starts at once"), (0.06, "Starts softly"),
                   (0.4, "Swells in"), (16, "Rises slowly")),
    "env.release": ((0.03, "it stops dead"), (0.15, "it stops shortly after"), (0.7, "it fades out"), (3, "it rings on"),
                    (16, "it hangs in the air for long")),
    "env.decay_curve": _FALL,
    "env.release_curve": _FALL,
    "lfo.rate": ((0.3, "a slow drift"), (2, "a slow sway"), (4.5, "a steady pulse"), (9, "the speed of a vibrato"),
                 (20, "a flutter"), (500, "so fast that it becomes a tone of its own")),
    "distortion.drive": ((-1, "held back"), (4, "a touch"), (12, "clearly heard"), (20, "heavy"), (30, "crushing")),
    "*.mix": _WET,
    "chorus.depth": ((25, "gently"), (60, "clearly"), (100, "deeply")),
    "chorus.feedback": ((20, "smooth"), (60, "a little metallic"), (95, "hollow and metallic")),
    "phaser.feedback": ((30, "soft notches"), (70, "clear notches"), (100, "sharp, ringing notches")),
    "flanger.feedback": ((30, "a soft whoosh"), (70, "a jet"), (100, "a ringing tube")),
    "delay.feedback": ((20, "one or two repeats"), (50, "a few repeats that die away"), (80, "a long trail"),
                       (100, "repeats that hardly end")),
    "reverb.size": ((25, "small"), (60, "medium-sized"), (100, "large")),
    "reverb.decay": ((0.6, "a room around the sound"), (2, "a hall"), (6, "a cathedral"), (64, "an endless wash")),
    "eq.low_gain": ((-6, "much thinner"), (-1, "thinner"), (1, "as it was"), (6, "fuller"), (15, "much heavier")),
    "eq.band_gain": ((-6, "hollow there"), (-1, "calmer there"), (1, "as it was"), (6, "more present"), (15, "very present, almost nasal")),
    "eq.high_gain": ((-6, "much darker"), (-1, "darker"), (1, "as it was"), (6, "brighter"), (15, "much brighter, hissing")),
    "voice.polyphony": ((1, "One note at a time: a new one cuts the last"), (4, "A few notes at once"), (32, "Chords can be played")),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A sentence of a section, said when one of its settings matters and is off its default."""

    keys: tuple[str, ...]
    """Settings it speaks of; the first decides between `text` and `below`."""
    text: str
    below: str = ""
    """Said instead when the first setting is negative."""
    always: bool = False
    """Said at the defaults too."""


_PLACE = (
    Line(("fine",), "Tuned {fine} sharp, {fine.word}.", "Tuned {fine} flat, {fine.word}."),
    Line(("pan",), "It sits {pan} to the right.", "It sits {pan} to the left."),
    Line(("phase",), "Each note starts {phase} into the cycle, which shapes its very first edge."),
    Line(
        ("phase_random",),
        "The start of the cycle varies by {phase_random} from note to note: no two attacks are quite alike.",
    ),
    Line(("route",), "{route.phrase}."),
)
_ENVELOPE = (
    Line(("delay",), "It waits {delay} first."),
    Line(("hold",), "It stays at the top for {hold} before it falls."),
    Line(("attack_curve",), "The rise comes mostly at its beginning ({attack_curve} curve).",
         "The rise comes mostly at its end ({attack_curve} curve)."),
    Line(("decay_curve",), "On its way down it {decay_curve.word} ({decay_curve} curve)."),
    Line(("release_curve",), "After the key it {release_curve.word} ({release_curve} curve)."),
)  # fmt: skip
_FIXED = Line(("keytrack",), "It sounds the same at every key, as a drum does.")
_BANDS = {"low": "Low", "band": "Middle", "high": "High"}

LINES: dict[str, tuple[Line, ...]] = {
    "osc": (
        Line(("table", "position", "level"), "{Wave}{in_table}, {level.word} ({level}).", always=True),
        Line(("octave", "semitone"), "Tuned {interval}."),
        Line(("voices", "detune"), "Stacked into {voices.count} voices, {detune.word} ({detune} detune)."),
        Line(("blend",), "The outer voices are {blend.word} the middle one ({blend} blend)."),
        Line(("width",), "The voices {width.word} ({width} width)."),
        Line(("warp", "warp_amount"), "{warp.phrase} ({warp_amount})."),
        Line(("morph", "morph_amount"), "{morph.phrase} ({morph_amount})."),
        *_PLACE,
        _FIXED,
        Line(("smooth",), "The shapes of its table melt into each other without steps."),
    ),
    "sub": (
        Line(("shape", "level", "octave", "semitone"), "{Shape}, {place}, {level.word} ({level}).", always=True),
        *_PLACE,
        _FIXED,
    ),
    "noise": (
        Line(("kind", "level"), "{kind.phrase}; {level.word} ({level}).", always=True),
        Line(("transpose",), "It is played {transpose} higher: brighter and shorter.", "It is played {transpose} lower: darker and longer."),
        Line(("keytrack",), "It follows the keyboard, so high notes hiss higher."),
        Line(("loop",), "It plays once for each note and is not repeated: a knock or a breath at the start."),
        *(line for line in _PLACE if line.keys[0] in ("pan", "route")),
    ),
    "filter": (
        Line(("type", "cutoff", "vowel"), "{type.phrase}.", always=True),
        Line(("resonance",), "Resonance {resonance}: {resonance.word}.", always=True),
        Line(("vowel_shift",), "The throat is {vowel_shift} smaller: higher, brighter vowels.", "The throat is {vowel_shift} larger: deeper vowels."),
        Line(("drive",), "The sound is driven into it by {drive}: {drive.word}."),
        Line(("keytrack",), "It follows the keyboard {keytrack.word} ({keytrack}): high notes stay bright.",
             "It follows the keyboard backwards ({keytrack}): high notes get darker."),
        Line(("mix",), "Only {mix} of the sound is filtered; the rest passes by."),
        Line(("after_filter1",), "It takes what filter 1 lets through: the two work in a row."),
    ),
    "env1": (
        Line(("attack", "decay", "sustain"), "{attack.word} ({attack}) and {fall}.", always=True),
        Line(("release",), "When the key is let go {release.word} ({release}).", always=True),
        *_ENVELOPE,
    ),
    "env": (
        Line(("attack", "decay", "sustain"), "It rises in {attack} and {fall}.", always=True),
        Line(("release",), "When the key is let go it is back at rest in {release}.", always=True),
        *_ENVELOPE,
    ),
    "lfo": (
        Line(("shape", "rate", "division"), "{shape.phrase}, {speed}.", always=True),
        Line(("mode",), "{mode.phrase}.", always=True),
        Line(("phase",), "It starts {phase} into its cycle."),
        Line(("delay",), "It only begins {delay} after the note."),
        Line(("fade",), "It grows in over {fade}."),
        Line(("smooth",), "Its corners are rounded over {smooth}."),
        Line(("stereo",), "The right side runs {stereo} ahead of the left: the movement wanders in stereo.",
             "The left side runs {stereo} ahead of the right: the movement wanders in stereo."),
    ),
    "mod": (),
    "distortion": (
        Line(("kind", "drive"), "{kind.phrase}; driven {drive}, {drive.word}.", always=True),
        Line(("mix",), "{mix} of it is mixed in; the rest stays clean."),
        Line(("filter", "filter_cutoff", "filter_resonance"), "{filter.phrase}."),
    ),
    "chorus": (
        Line(("voices", "mix"), "{voices.Count} copies drift around the sound: wider and softer; {mix.word} ({mix}).", always=True),
        Line(("rate", "depth"), "They sway {rate.rate}, {depth.word} ({depth}).", always=True),
        Line(("feedback",), "Fed back {feedback}: {feedback.word}.", "Fed back {feedback} upside down: {feedback.word}."),
        Line(("delay1", "delay2"), "The copies lie {delay1} and {delay2} behind."),
        Line(("cutoff", "spread"), "Only what lies around {cutoff} is copied ({spread} wide)."),
    ),
    "phaser": (
        Line(("center", "depth", "rate"), "Notches swirl through the sound around {center}, {depth} wide, {rate.rate}.", always=True),
        Line(("feedback",), "Fed back {feedback}: {feedback.word}.", always=True),
        Line(("blend",), "The notches stand {blend} of the way from the low to the high side."),
        Line(("phase",), "Left and right swirl {phase} apart."),
        Line(("mix",), "{mix} of it is mixed in: {mix.word}."),
    ),
    "flanger": (
        Line(("center", "depth", "rate"), "A jet-like whoosh tuned around {center} passes through, {depth} deep, {rate.rate}.", always=True),
        Line(("feedback",), "Fed back {feedback}: {feedback.word}.", "Fed back {feedback} upside down, hollow: {feedback.word}.", always=True),
        Line(("phase",), "Left and right run {phase} apart."),
        Line(("mix",), "{mix} of it is mixed in: {mix.word}."),
    ),
    "delay": (
        Line(("style", "time", "division", "mix"), "{style.phrase}; {mix.word} ({mix}).", always=True),
        Line(("time_right", "division_right"), "The right side repeats {beat_right}."),
        Line(("feedback",), "Each comes back at {feedback} of the one before: {feedback.word}.",
             "Each comes back upside down at {feedback} of the one before: {feedback.word}.", always=True),
        Line(("cutoff", "spread"), "The echoes are thinned to what lies around {cutoff} ({spread} wide)."),
    ),
    "reverb": (
        Line(("size", "decay", "mix"), "A {size.word} space ({size}) that rings for {decay}, {decay.word}; {mix.word} ({mix}).", always=True),
        Line(("predelay",), "It answers {predelay} late, which leaves the attack clear."),
        Line(("low_cut",), "Nothing below {low_cut} goes into it: no boom."),
        Line(("high_cut",), "Nothing above {high_cut} goes into it: that decides how bright the space is."),
        Line(("low_shelf_freq", "low_shelf_gain"), "Below {low_shelf_freq} it dies away faster ({low_shelf_gain})."),
        Line(("high_shelf_freq", "high_shelf_gain"), "Above {high_shelf_freq} it dies away faster ({high_shelf_gain}): darker with time."),
        Line(("chorus_depth", "chorus_rate"), "The tail wavers by {chorus_depth}, {chorus_rate.rate}: softer, less metallic."),
    ),
    "compressor": (
        Line(("mode", "mix"), "{mode.phrase} ({mix} of it).", always=True),
        Line(("attack",), "It reacts at {attack} of its slowest: the later, the more of each attack gets through."),
        Line(("release",), "It lets go at {release} of its slowest: the later, the calmer; the sooner, the more it breathes."),
        *(
            Line(
                tuple(f"{band}_{key}" for key in ("gain", "upper_threshold", "upper_ratio", "lower_threshold", "lower_ratio")),
                f"{name} band: held down above {{{band}_upper_threshold}} (ratio {{{band}_upper_ratio}}), lifted below "
                f"{{{band}_lower_threshold}} (ratio {{{band}_lower_ratio}}), then turned up by {{{band}_gain}}.",
            )
            for band, name in _BANDS.items()
        ),
    ),
    "eq": tuple(
        line
        for band in ("low", "band", "high")
        for line in (
            Line((f"{band}_gain", f"{band}_mode"), f"{{{band}_mode.phrase}}."),
            Line((f"{band}_resonance",), f"Its resonance there is {{{band}_resonance}}."),
        )
    ),
    "voice": (
        Line(("polyphony",), "{polyphony.word} (polyphony {polyphony}).", always=True),
        Line(("legato",), "Tied notes go on without a new attack."),
        Line(("glide",), "The pitch glides from note to note in {glide}."),
        Line(("transpose",), "Everything sounds {transpose} above the key.", "Everything sounds {transpose} below the key."),
        Line(("tune",), "Everything is tuned {tune} sharp.", "Everything is tuned {tune} flat."),
        Line(("velocity_track",), "Playing harder makes it louder ({velocity_track}).",
             "Playing harder makes it softer ({velocity_track})."),
        Line(("pitch_bend",), "The bend wheel reaches {pitch_bend}."),
        Line(("bpm",), "What is locked to the tempo runs at {bpm} BPM."),
    ),
    "volume": (Line(("level",), "It leaves the synth at {level}, {level.word}.", always=True),),
    "macro": tuple(Line((f"m{n}",), f"Macro {n} stands at {{m{n}}}.") for n in range(1, 5)),
}  # fmt: skip

COURSE_TITLE = "The clip's course"
COURSE = (
    "{names} are drawn from the clip: they play its waves through {speed}{ending}. Leave them as they are; shape the sound"
    " with envelope 1 and the effects, {filtering}."
)
COURSE_FILTERED = "or with filter 1, which they go through"
COURSE_UNFILTERED = "or send the oscillators through a filter"
COURSE_ENDING = ", and on into its own ending when the key is let go"

NOTHING_SAID = "It is on, with every control at rest."


@dataclass(frozen=True)
class Destination:
    """How a moved setting is spoken of."""

    what: str
    up: str
    """What is heard as it rises."""
    down: str
    swing: str
    """What is heard as it goes to and fro."""
    relative: bool = False
    """Said as a distance, not as from-to."""


DESTINATIONS: dict[
    str, Destination
] = {  # by `family.key`, else by key; `cutoff` by the side the filter keeps
    "cutoff.low": Destination(
        "its cutoff", "it opens and gets brighter", "it closes and gets darker", "a wah that comes and goes"
    ),
    "cutoff.high": Destination(
        "its cutoff", "it gets thinner", "the weight comes back", "the weight comes and goes"
    ),
    "cutoff.band": Destination(
        "its frequency",
        "its colour moves upwards",
        "its colour moves downwards",
        "its colour sweeps to and fro",
    ),
    "resonance": Destination(
        "its resonance", "the accent grows", "the accent fades", "the accent comes and goes"
    ),
    "drive": Destination("its drive", "it gets dirtier", "it cleans up", "dirt comes and goes"),
    "mix": Destination("how much of it is heard", "more of it", "less of it", "it comes and goes"),
    "position": Destination(
        "its place in the wavetable", "towards {wave}", "towards {wave}", "between {wave_low} and {wave}"
    ),
    "level": Destination("its level", "it gets louder", "it gets softer", "tremolo"),
    "pitch": Destination("its pitch", "it is bent up", "it is bent down", "it warbles", relative=True),
    "voice.pitch": Destination(
        "the pitch of everything", "it is bent up", "it is bent down", "it warbles", relative=True
    ),
    "fine": Destination("its fine tuning", "it goes sharp", "it goes flat", "vibrato", relative=True),
    "tune": Destination(
        "the fine tuning of everything", "it goes sharp", "it goes flat", "vibrato", relative=True
    ),
    "warp_amount": Destination("its warp", "the warp bites", "the warp lets go", "the warp breathes"),
    "morph_amount": Destination(
        "its spectral morph", "the morph deepens", "the morph lets go", "the colour breathes"
    ),
    "detune": Destination("its unison detune", "it gets wider", "it gets tighter", "it spreads and narrows"),
    "pan": Destination(
        "its place in stereo", "it goes to the right", "it goes to the left", "it sways from side to side"
    ),
    "phase": Destination(
        "its phase",
        "the wave is pushed ahead",
        "the wave is pulled back",
        "the wave rocks, with a faint pitch wobble",
    ),
    "rate": Destination("its rate", "it speeds up", "it slows down", "its speed wavers"),
    "attack": Destination("its attack", "notes start more slowly", "notes start sooner", "starts vary"),
    "decay": Destination("its decay", "notes last longer", "notes get shorter", "lengths vary"),
    "release": Destination("its release", "notes ring longer", "notes stop sooner", "tails vary"),
    "amount": Destination(
        "its amount", "more of its movement", "less of its movement", "its movement comes and goes"
    ),
    "feedback": Destination("its feedback", "more repeats", "fewer repeats", "the trail grows and shrinks"),
    "reverb.decay": Destination(
        "its decay", "the tail gets longer", "the tail gets shorter", "the tail breathes"
    ),
    "band_freq": Destination(
        "its middle band", "the accent moves upwards", "the accent moves downwards", "the accent sweeps"
    ),
}

SOURCES: dict[str, tuple[str, str]] = {  # name, and how the movement comes about
    "env1": ("Envelope 1", "{course}"),
    "env2": ("Envelope 2", "{course}"),
    "env3": ("Envelope 3", "{course}"),
    "lfo1": ("LFO 1", "{speed}"),
    "lfo2": ("LFO 2", "{speed}"),
    "velocity": ("Velocity", "the harder the key is struck"),
    "note": ("The keyboard", "the higher the note"),
    "random": ("Chance", "by another amount for each note"),
    "mod_wheel": ("The mod wheel", "as it is pushed up"),
    "aftertouch": ("Aftertouch", "the harder the key is pressed"),
    **{f"macro{n}": (f"Macro {n}", "as it is turned up (now {setting})") for n in range(1, 5)},
}

KINDS = {
    "recipe": "A recipe: plain settings, as one would dial them in.",
    "resynth": "A resynth: its waves are taken from the clip; everything around them is plain settings.",
}
