"""What comes in is checked once: anything but a sane request is one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.serve.requests import FIELDS, RequestError, from_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("bad", "word"),
    [({}, "path"), ({"path": "clip.wav"}, "absolute"), ({"path": 7}, "text"), ({"path": "/a\0b"}, "text"),
     ({"path": "/a", "start_s": -1}, "start_s"), ({"path": "/a", "start_s": True}, "start_s"),
     ({"path": "/a", "gain_db": float("nan")}, "gain_db"), ({"path": "/a", "note": 60.5}, "note"),
     ({"path": "/a", "note": 128}, "note"), ({"path": "/a", "source": "me"}, "source"), ({"path": "/a", "x": 1}, "'x'"),
     ({"path": "/a", "options": {"rm": 1}}, "options"), ({"path": "/a", "options": {"seconds": "2"}}, "seconds"),
     ({"path": "/a", "out": "here"}, "absolute"), ({"path": "/a", "warnings": ["x"] * 99}, "warnings"),
     ({"path": "/\ud800"}, "Unicode"), ([], "object"), ("x", "object")],
)  # fmt: skip
def test_nonsense_is_one_sentence(bad: Any, word: str) -> None:
    with pytest.raises(RequestError, match=word) as caught:
        from_json(bad)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_what_is_null_is_not_given() -> None:
    assert from_json({"path": "/a", "start_s": None, "out": None, "options": {"seconds": None}}).options == {}


@given(st.dictionaries(st.sampled_from(list(FIELDS)), JSON, max_size=5))
def test_anything_else_is_refused_and_nothing_else_happens(body: dict[str, Any]) -> None:
    try:
        request = from_json({"path": "/a.wav", **body})
    except RequestError:
        return
    assert from_json({k: v for k, v in request.to_json().items() if v not in ("", None)}) == request
