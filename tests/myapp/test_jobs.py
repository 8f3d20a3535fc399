"""The application's own tests, as its users write them."""

import httpx
import pytest

from relay import BadArguments
from relay.testing import Answer, Relay, run
from tests.myapp import jobs

CHARGES = f"POST {jobs.BANK}/charges"


def test_a_charge_is_the_same_call_in_each_attempt() -> None:
    ran = run(jobs.charge, cents=500, card="visa", api={CHARGES: (ConnectionResetError, 503, {"id": "ch_1"})})
    assert (ran.value(), ran.attempts) == ("ch_1", 3)
    assert {call.headers["idempotency-key"] for call in ran.calls} == {ran.id}


def test_a_declined_card_is_told() -> None:
    declined = Answer(402, json={"reason": "no funds", "code": "funds"})
    with pytest.raises(jobs.CardDeclined, match="no funds"):
        run(jobs.charge, cents=500, card="visa", api={CHARGES: declined}).value()


def test_a_csv_has_progress() -> None:
    ran = run(jobs.import_csv, text="name\nann\nbob\n")
    assert (ran.value(), ran.progress) == (2, [(0.5, "ann"), (1.0, "bob")])


def test_a_model_is_heard_word_by_word() -> None:
    words = [b'data: {"word": "hello "}\n', b'data: {"word": "world"}\n']
    ran = run(jobs.ask, prompt="hi", api={jobs.MODEL: Answer(pieces=words, pause=3)})
    assert (ran.value(), [said for _, said in ran.progress]) == ("hello world", ["hello ", "hello world"])


def test_a_thumbnail_is_made_in_a_thread() -> None:
    assert run(jobs.thumbnail, pixels=list(range(100)), size=4).value() == [0, 25, 50, 75]


def test_a_stuck_job_is_tried_again_and_timed_out() -> None:
    ran = run(jobs.stuck)
    assert (ran.problem and ran.problem["status"], ran.attempts, ran.elapsed > 4) == (504, 2, True)


def test_a_user_is_synced_once_at_a_time() -> None:
    with Relay(jobs.sync) as relay:
        ran = [relay.submit(jobs.sync, user=user) for user in (1, 1, 2)]
        assert [each.state for each in ran] == ["running", "queued", "running"]
        relay.run_until_idle()


def test_an_account_publishes_so_often_a_minute() -> None:
    with Relay(jobs.publish) as relay:
        for number in range(70):
            relay.submit(jobs.publish, account="a", text=str(number))
        relay.run_until_idle()
        assert 60 < relay.jobs[-1].elapsed < 120


def test_an_order_is_paid_and_sent() -> None:
    ran = run(jobs.order, cents=5, api={CHARGES: {"id": "ch_1"}})
    assert ran.value()["paid"] == "ch_1"
    assert [each.name for each in ran.submitted] == ["charge", "ship"]


def test_what_is_shared_is_replaced_and_arguments_are_checked() -> None:
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(204)))
    assert run(jobs.ping, url="https://a.example/", overrides={jobs.make_client: client}).value() == 204
    with pytest.raises(BadArguments):
        run(jobs.ship, order=1, to={"street": "", "country": "de"})
