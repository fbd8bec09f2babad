"""Patches as sentences: there and back, never out of grammar, in an order that a trained model can count on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import WhisperSynthError
from companion.proposing.tokens import (
    BOS,
    EOS,
    NOTE_HIGH,
    NOTE_LOW,
    NOTE_OFF_HIGH_S,
    NOTE_OFF_LOW_S,
    PAD,
    Speaker,
    note_off_to_token,
    token_to_note_off,
    vocabulary,
)
from export.sample import sample_patches
from presets.patch import Patch
from presets.schema import OWN, wavetable_synth

VOCABULARY = vocabulary()
SCHEMA = wavetable_synth()
SAMPLED = sample_patches(5, 40)


def spoken(patch):
    """A patch with every spoken value moved to its nearest token and the rest at its default."""
    values = {
        r.name: r.token_to_value(r.value_to_token(patch[r.name])) if r.bins else r.default for r in SCHEMA
    }
    return Patch(values, note=patch.note).canonical()


@pytest.mark.parametrize("patch", SAMPLED)
def test_there_and_back(patch):
    ids = VOCABULARY.encode(patch, 0.7)
    assert (ids[0], ids[-1]) == (BOS, EOS)
    assert len(ids) <= VOCABULARY.longest
    sentence = VOCABULARY.decode(ids)
    assert sentence.patch == spoken(patch)
    assert sentence.note_off_s == pytest.approx(0.7, rel=0.06)
    assert VOCABULARY.encode(sentence.patch, sentence.note_off_s) == ids


def walk(choose):
    """A sentence in which `choose(low, high)` picks every token."""
    speaker, ids = Speaker(VOCABULARY), []
    while (allowed := speaker.allowed()) != (EOS, EOS + 1):
        ids.append(choose(*allowed))
        speaker.say(ids[-1])
    return speaker, ids


@given(st.integers(0, 2**32 - 1))
def test_whatever_the_grammar_allows_is_a_patch(seed):
    rng = np.random.default_rng(seed)
    speaker, ids = walk(lambda low, high: int(rng.integers(low, high)))
    assert len(ids) + 2 <= VOCABULARY.longest
    sentence = speaker.sentence()
    assert OWN not in sentence.patch.values.values()
    assert VOCABULARY.decode([BOS, *ids, EOS]) == sentence
    assert VOCABULARY.encode(sentence.patch, sentence.note_off_s) == [BOS, *ids, EOS]


@pytest.mark.parametrize("choose", [lambda low, high: low, lambda low, high: high - 1])
def test_the_ends_of_every_block_are_allowed(choose):
    sentence = walk(choose)[0].sentence()
    assert sentence.patch.note in (NOTE_LOW, NOTE_HIGH)
    assert sentence.note_off_s in (pytest.approx(NOTE_OFF_LOW_S), pytest.approx(NOTE_OFF_HIGH_S))


def test_the_next_words_are_the_grammar():
    speakers = [Speaker(VOCABULARY), Speaker(VOCABULARY), Speaker(VOCABULARY)]
    speakers[1].say(VOCABULARY.note_offset)
    while speakers[2].allowed() != (EOS, EOS + 1):
        speakers[2].say(speakers[2].allowed()[0])
    ids, allowed = VOCABULARY.next_words(speakers)
    assert ids.max() < VOCABULARY.size
    for row, counts, speaker in zip(ids, allowed, speakers, strict=True):
        assert list(row[counts]) == list(range(*speaker.allowed()))


@pytest.mark.parametrize("place", [0, 1, 2, 20, -1])
def test_a_token_out_of_place_is_refused(place):
    ids = VOCABULARY.encode(SAMPLED[0], 1.0)[1:]
    ids[place] = VOCABULARY.size - 1 if ids[place] < VOCABULARY.size - 40 else VOCABULARY.note_offset
    with pytest.raises(WhisperSynthError, match=r"does not fit this schema"):
        VOCABULARY.decode(ids)


@given(st.lists(st.integers(-2, VOCABULARY.size + 2), max_size=200))
def test_any_numbers_are_a_patch_or_refused(ids):
    try:
        VOCABULARY.decode(ids)
    except WhisperSynthError as error:
        assert "token" in str(error)


def test_padding_and_a_cut_sentence_are_read():
    ids = VOCABULARY.encode(SAMPLED[0], 1.0)
    assert VOCABULARY.decode([PAD, *ids, PAD]) == VOCABULARY.decode(ids)
    assert VOCABULARY.decode(ids[:4]).patch.note == SAMPLED[0].note  # the rest has its defaults


def test_own_data_has_no_word():
    patch = Patch({"osc1.table": OWN}, assets={"osc1.table": np.zeros((1, 2048), np.float32)})
    with pytest.raises(WhisperSynthError, match=r"osc1\.table"):
        VOCABULARY.encode(patch, 1.0)


def test_only_what_matters_is_said():
    bare = len(VOCABULARY.encode(Patch(), 1.0))
    assert len(VOCABULARY.encode(Patch({"filter1.cutoff": 500}), 1.0)) == bare
    assert len(VOCABULARY.encode(Patch({"filter1.on": True}), 1.0)) > bare


@pytest.mark.parametrize("token", range(32))
def test_note_offs(token):
    assert note_off_to_token(token_to_note_off(token)) == token
    assert note_off_to_token(0.001) == 0 and note_off_to_token(60) == 31


def test_blocks_lie_side_by_side():
    blocks = list(VOCABULARY.blocks())
    ends = [first + size for _, first, size in blocks]
    assert [first for _, first, _ in blocks] == [3, *ends[:-1]]
    assert ends[-1] == VOCABULARY.size
    assert [name for name, *_ in blocks] == ["note", "note_off", *(r.name for r in SCHEMA if r.bins)]


def test_the_layout_that_models_are_trained_on():
    """Change it and every trained model is void: train a new one, then this test."""
    assert SCHEMA.hash == "5f85f01a85f5"
    assert (VOCABULARY.size, VOCABULARY.longest) == (2438, 159)
    firsts = {name: first for name, first, _ in VOCABULARY.blocks()}
    # fmt: off
    landmarks = ("note", "note_off", "osc1.on", "osc1.table", "filter1.cutoff", "mod1.source", "mod8.bipolar", "eq.high_gain")
    # fmt: on
    assert [firsts[name] for name in landmarks] == [3, 91, 123, 125, 660, 999, 1789, 2427]
