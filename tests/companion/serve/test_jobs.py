"""The queue on disk: what a crash at any line leaves behind is either done or undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from companion.disk.library import Library, Search
from companion.serve.jobs import Job, Jobs, OwnOutput, QueueFull, content_of
from companion.serve.ledger import Ledger
from companion.serve.places import Places
from companion.serve.requests import JobRequest

Clip = Callable[..., Path]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Places(tmp_path / "data").prepare().ledger)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def jobs(ledger: Ledger) -> Jobs:
    return Jobs(ledger, bound=3)


def plan_of(folder: Path, n: int = 2) -> dict[str, object]:
    """A plan for files that are not there yet, and what is to be in them."""
    folder.mkdir(exist_ok=True)
    files = {str(folder / f"kick 1 recipe.{n}"): str(n) for n in range(n)}
    hashes = {}
    for path, text in files.items():
        Path(path).write_text(text)
        hashes[path] = content_of(Path(path))
        Path(path).unlink()
    candidate = {
        "rank": 1,
        "kind": "recipe",
        "score": 0.1,
        "files": {str(i): path for i, path in enumerate(files)},
    }
    result = {
        "note": 48,
        "note_off_s": 0.2,
        "seconds": 0.1,
        "warnings": [],
        "folder": str(folder),
        "candidates": [candidate],
    }
    return {"files": hashes, "result": result}


def publish(plan: dict[str, object], n: int) -> None:
    for i, path in enumerate(plan["files"]):  # type: ignore[arg-type]
        if i < n:
            Path(path).write_text(str(i))


def running(jobs: Jobs, clip: Path) -> Job:
    jobs.add(JobRequest(str(clip)))
    job = jobs.take()
    assert job is not None
    return job


def test_jobs_come_out_in_their_order_and_run_once(jobs: Jobs, clip: Clip) -> None:
    first, second = (jobs.add(JobRequest(str(clip(name))))[0] for name in ("a", "b"))
    assert (first.position, second.position) == (0, 1)
    taken = [jobs.take(), jobs.take(), jobs.take()]
    assert [job and job.id for job in taken] == [first.id, second.id, None]


def test_a_full_queue_refuses_and_has_room_again(jobs: Jobs, clip: Clip) -> None:
    for name in "abc":
        jobs.add(JobRequest(str(clip(name))))
    with pytest.raises(QueueFull, match="again in a while"):
        jobs.add(JobRequest(str(clip("d"))))
    taken = jobs.take()
    assert taken is not None
    jobs.fail(taken, "no")
    assert jobs.add(JobRequest(str(clip("d"))))[1]


def test_a_request_sent_twice_is_one_job(jobs: Jobs, clip: Clip) -> None:
    request = JobRequest(str(clip()), key="live-7")
    assert jobs.add(request)[1] and not jobs.add(request)[1]


def test_once_is_by_content_and_options(jobs: Jobs, clip: Clip) -> None:
    a, b = clip("a", hz=100), clip("b", hz=100)
    first, _ = jobs.add(JobRequest(str(a), once=True))
    assert jobs.add(JobRequest(str(b), once=True)) == (first, False)
    assert jobs.add(JobRequest(str(b), once=True, gain_db=-6))[1]
    assert jobs.add(JobRequest(str(b)))[1]  # asked for by hand: again


def test_what_failed_may_come_again(jobs: Jobs, clip: Clip) -> None:
    path = clip()
    jobs.add(JobRequest(str(path), once=True))
    taken = jobs.take()
    assert taken is not None
    jobs.fail(taken, "no")
    assert jobs.add(JobRequest(str(path), once=True))[1]


def test_a_planned_output_is_no_clip(jobs: Jobs, clip: Clip, out: Path) -> None:
    job = running(jobs, clip())
    plan = plan_of(out)
    jobs.plan(job, plan)
    publish(plan, 2)
    for path in plan["files"]:  # type: ignore[attr-defined]
        with pytest.raises(OwnOutput):
            jobs.add(JobRequest(path, once=True))


@pytest.mark.parametrize("published", [0, 1, 2])
def test_a_process_that_died_while_it_published_leaves_all_or_nothing(
    jobs: Jobs, ledger: Ledger, clip: Clip, out: Path, published: int
) -> None:
    plan = plan_of(out)
    jobs.plan(running(jobs, clip()), plan)
    publish(plan, published)
    other = out / "kick 9.txt"
    other.write_text("somebody's")
    (job,) = Jobs(ledger).recover()
    assert job.state == ("done" if published == 2 else "queued")
    assert len(list(out.iterdir())) == 1 + (2 if published == 2 else 0) and other.exists()
    assert len(Library(ledger).search(Search())) == (1 if published == 2 else 0)


def test_a_file_that_is_another_by_now_is_left_alone(jobs: Jobs, clip: Clip, out: Path) -> None:
    plan = plan_of(out)
    jobs.plan(running(jobs, clip()), plan)
    publish(plan, 1)
    changed = Path(next(iter(plan["files"])))  # type: ignore[call-overload]
    changed.write_text("edited by hand")
    (job,) = jobs.recover()
    assert job.state == "queued" and changed.read_text() == "edited by hand"


def test_a_match_is_recorded_once_however_often_a_job_is_finished(
    jobs: Jobs, ledger: Ledger, clip: Clip, out: Path
) -> None:
    job = jobs.plan(running(jobs, clip()), plan_of(out))
    jobs.finish(job)
    with pytest.raises(Exception, match="UNIQUE"):
        jobs.finish(job)
    assert len(Library(ledger).search(Search())) == 1


def test_two_crashes_are_enough(jobs: Jobs, clip: Clip) -> None:
    job = running(jobs, clip())
    assert jobs.settle(job, crashed=True).state == "queued"
    again = jobs.take()
    assert again is not None
    ended = jobs.settle(again, crashed=True)
    assert ended.state == "failed" and "crashed 2 times" in ended.error


def test_restarts_are_no_crashes(jobs: Jobs, clip: Clip) -> None:
    job = running(jobs, clip())
    for _ in range(20):
        (job,) = jobs.recover()
        assert job.state == "queued"
        assert jobs.take() is not None


def test_a_request_survives_the_disk(jobs: Jobs, clip: Clip) -> None:
    request = JobRequest(str(clip()), "Bass 3", 0.1, 0.2, -3.0, 2.5, False, 128.0, 60, {"seconds": 0.0}, "live", "k",
                         True, "beside", True, True, ("Warp is on",))  # fmt: skip
    job, _ = jobs.add(request)
    again = jobs.get(job.id)
    assert again is not None and again.request == request
    json.dumps(again.to_json(), allow_nan=False)
