"""The engine's process may do what it likes: crash, fail, be slow; every clip gets its one answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from companion.serve.client import Client, Refused
from companion.serve.places import Places
from companion.serve.sending import match_in_queue
from companion.serve.server import Server
from companion.serve.service import Settings

Clip = Callable[..., Path]
PATIENCE_S = 120.0
STANDIN = Path(__file__).parent / "standin.py"


def results(out: Path, *names: str) -> list[str]:
    """The presets of the clips of these names."""
    return sorted(
        path.name for path in out.glob("*.vital") if path.name.split(" 1 ")[0].split(" 2 ")[0] in names
    )


def test_a_clip_becomes_files_and_a_match(client: Client, clip: Clip, out: Path) -> None:
    job = client.wait(client.submit(str(clip("Bass 3")), source="live")["id"], PATIENCE_S)
    assert job["state"] == "done" and job["progress"] == 1.0
    assert results(out, "Bass 3") == ["Bass 3 1 recipe.vital", "Bass 3 2 recipe.vital"]
    for candidate in job["result"]["candidates"]:
        assert all(Path(path).is_file() for path in candidate["files"].values())
    (match,) = client.call("GET", "/library?query=bass")["matches"]
    assert match["job"] == job["id"] and match["source"] == "live" and match["id"] == job["result"]["match"]


def test_a_crash_costs_one_retry_and_nothing_else(
    server: Server, client: Client, clip: Clip, out: Path
) -> None:
    numbers = [client.submit(str(clip(name)))["id"] for name in ("a", "crashonce", "b", "crashes", "c")]
    jobs = [client.wait(number, PATIENCE_S) for number in numbers]
    assert [job["state"] for job in jobs] == ["done", "done", "done", "failed", "done"]
    assert [job["attempts"] for job in jobs] == [1, 2, 1, 2, 1]
    assert "crashed 2 times" in jobs[3]["error"]
    assert server.service.status()["engine_restarts"] == 3
    assert len(results(out, "a", "crashonce", "b", "crashes", "c")) == 8


@pytest.mark.skipif(os.name == "nt", reason="no kill -9 on Windows")
def test_a_server_killed_at_once_leaves_every_clip_one_result(clip: Clip, tmp_path: Path) -> None:
    where, out = Places(tmp_path / "data"), tmp_path / "out"

    def start() -> tuple[subprocess.Popen[bytes], Client]:
        where.address.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, str(STANDIN), "serve", str(where.folder), str(out)])
        while (client := Client.find(where)) is None:
            time.sleep(0.05)
        return process, client

    clips = [clip("slow"), *(clip(f"clip{n}") for n in range(8))]
    server, client = start()
    keys = {path.stem: client.submit(str(path), key=path.stem)["id"] for path in clips}
    while client.call("GET", "/status")["done"] < 3:
        time.sleep(0.02)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server, client = start()
    try:
        again = {path.stem: client.submit(str(path), key=path.stem)["id"] for path in clips}
        assert again == keys
        assert {client.wait(number, PATIENCE_S)["state"] for number in keys.values()} == {"done"}
        expected = sorted(f"{path.stem} {n} recipe.vital" for path in clips for n in (1, 2))
        assert results(out, *keys) == expected
        matches = client.call("GET", "/library")["matches"]
        assert sorted(match["name"] for match in matches) == sorted(keys)
    finally:
        server.terminate()
        assert server.wait(20) == 0


def test_a_failure_is_a_sentence(client: Client, clip: Clip) -> None:
    job = client.wait(client.submit(str(clip("fails")))["id"], PATIENCE_S)
    assert (
        job["state"] == "failed" and job["error"] == "this clip fails; send another" and job["attempts"] == 1
    )


def test_cancelling(client: Client, clip: Clip, out: Path) -> None:
    running, waiting = (client.submit(str(clip(name)))["id"] for name in ("slow one", "next"))
    while client.call("GET", f"/jobs/{running}")["state"] == "queued":
        time.sleep(0.05)
    assert client.call("POST", f"/jobs/{waiting}/cancel")["state"] == "cancelled"
    client.call("POST", f"/jobs/{running}/cancel")
    assert client.wait(running, PATIENCE_S)["state"] == "cancelled"
    assert not results(out, "slow one", "next")


def test_a_clean_end_loses_nothing(settings: Settings, clip: Clip, tmp_path: Path) -> None:
    where, out = Places(tmp_path / "data"), tmp_path / "out"
    settings = replace(settings, out=str(out))
    with Server(where, settings) as server:
        client = Client(server.port, server.token)
        numbers = [client.submit(str(clip(name)))["id"] for name in ("slow", "d", "e")]
        while client.call("GET", f"/jobs/{numbers[0]}")["state"] == "queued":
            time.sleep(0.05)
        assert os.name == "nt" or where.address.stat().st_mode & 0o077 == 0
    assert not where.address.exists()
    with Server(where, settings) as server:
        client = Client(server.port, server.token)
        assert [client.wait(number, PATIENCE_S)["state"] for number in numbers] == ["done"] * 3
    assert len(results(out, "slow", "d", "e")) == 6


def test_one_server_a_folder(server: Server, where: Places) -> None:
    with pytest.raises(Exception, match="runs already"):
        Server(where)


def test_gain_and_pitch_are_applied_and_markers_kept(client: Client, clip: Clip) -> None:
    number = client.submit(
        str(clip("pitched")), start_s=0.05, end_s=0.2, gain_db=-6, pitch_st=12, warped=False
    )["id"]
    job = client.wait(number, PATIENCE_S)
    assert job["state"] == "done", job["error"]
    assert job["result"]["candidates"][0]["files"]["vital"].endswith("pitched 1 recipe.vital")


def test_silence_has_no_patch_and_is_done(client: Client, tmp_path: Path) -> None:
    import numpy as np

    from presets.wav import encode_samples

    path = tmp_path / "silence.wav"
    path.write_bytes(encode_samples(np.zeros((1, 22_050))))
    job = client.wait(client.submit(str(path), load=True, install=True)["id"], PATIENCE_S)
    assert job["state"] == "done" and job["result"]["candidates"] == []


def test_a_missing_file_is_refused_at_the_door(client: Client, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist"):
        client.submit(str(tmp_path / "nowhere.wav"))


def test_installing_copies_with_macros_and_never_over_anything(
    client: Client, clip: Clip, presets_folder: Path
) -> None:
    folder = presets_folder / "WhisperSynth"
    job = client.wait(client.submit(str(clip("keys")), install=True)["id"], PATIENCE_S)
    (installed,) = job["result"]["installed"]
    assert Path(installed) == folder / "keys 1 recipe.vital" and "CUTOFF" in Path(installed).read_text()
    again = client.call("POST", f"/jobs/{job['id']}/install", {"rank": 1})["installed"]
    assert again == [str(folder / "keys 1 recipe (2).vital")]
    (match,) = client.call("GET", "/library?query=keys")["matches"]
    assert match["candidates"][0]["installed"] == [installed, *again]


def test_another_command_sends_into_the_queue(
    where: Places,
    client: Client,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = clip("captured")
    assert match_in_queue(path, "capture") is None  # none runs on the folder of this user
    monkeypatch.setenv("WHISPERSYNTH_DATA", str(where.folder))
    assert match_in_queue(path, "capture") == 0
    assert "captured: very close, C2, 2 patches in" in capsys.readouterr().out
    assert client.call("GET", "/jobs?limit=1")["jobs"][0]["source"] == "capture"
