#!/usr/bin/env bash
# Installs what the tests of MIDI and of capturing play on: JACK and PulseAudio, which need no sound card,
# PortAudio, and a player; and a small sound font with what plays it.
# By apt, as root, on Debian and Ubuntu; elsewhere it says what is missing, and those tests skip.
set -euo pipefail

have() {
	command -v jackd >/dev/null && command -v jack_wait >/dev/null && command -v jack_lsp >/dev/null &&
		command -v mpv >/dev/null && command -v pulseaudio >/dev/null && ldconfig -p | grep -q libportaudio.so.2 &&
		command -v fluidsynth >/dev/null && ls /usr/share/sounds/sf2/*.sf2 >/dev/null
}

have 2>/dev/null && exit 0
if [ "$(uname)" != Linux ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "tests over JACK and PulseAudio and of one-shots will skip: they need jackd2, pulseaudio, libportaudio2, mpv, fluidsynth and timgm6mb-soundfont (Debian and Ubuntu: apt-get install)" >&2
	exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends jackd2 pulseaudio libportaudio2 mpv fluidsynth timgm6mb-soundfont >/dev/null
# Newer releases have the tools in a package of their own.
have || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends jack-example-tools >/dev/null
have
