"""What is sent to a worker goes on with the conversation in which it was sent."""

from collections.abc import Iterator

import pytest
from celery import Task
from celery.worker.request import Request

from config.celery import app
from payments.events import context
from payments.events.context import Context

QUEUE = "conversation"
heard: list[Context] = []


def listen() -> None:
    heard.append(context.current())


@pytest.fixture
def listener() -> Iterator[Task]:
    heard.clear()
    yield app.task(name="listen")(listen)
    app.tasks.unregister("listen")


def worked_off() -> Context:
    """Take the message from the broker and do it, as a worker does."""
    with app.connection_for_read() as connection, connection.SimpleQueue(QUEUE) as queue:
        message = queue.get(timeout=5)
        Request(message, app=app).execute()
        message.ack()
    return heard.pop()


def test_a_task_goes_on_with_the_conversation_that_sent_it(listener: Task) -> None:
    with context.bound(correlation_id="order-7"):
        listener.apply_async(queue=QUEUE)
    done = worked_off()
    assert (done.correlation_id, done.source) == ("order-7", "worker")
    assert not context.current().correlation_id


def test_sent_by_the_clock_a_task_is_a_conversation_of_its_own(listener: Task) -> None:
    listener.apply_async(queue=QUEUE)
    listener.apply_async(queue=QUEUE, headers={"conversation": "not\nharmless"})
    first, second = worked_off(), worked_off()
    assert first.correlation_id
    assert second.correlation_id not in ("", "not\nharmless", first.correlation_id)
