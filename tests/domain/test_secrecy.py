"""Law 11: who pays is nobody's business: not the queue's, and not an error's."""

import pytest
from rq import Queue
from sqlalchemy.exc import IntegrityError

from tests.factories import Factories, paid
from webapp.domain.payments import attempts, creations, links, settlement
from webapp.domain.transaction import transaction
from webapp.extensions import db, queue_redis
from webapp.jobs import QueueName
from webapp.models import PaymentLink
from webapp.providers.base import Unanswered

ADDRESS = "ada@example.org"
NAME = "Ada Lovelace"


def test_a_job_carries_a_reference_and_nothing_else(make: Factories) -> None:
    silent = make.created(buyer_email=ADDRESS, buyer_name=NAME)
    creations.record(silent.reference, Unanswered("timed out"), actor="test")
    returned = make.pending(buyer_email=ADDRESS, buyer_name=NAME)
    attempts.note_return(returned.link_id)
    links.cancel(make.shop, silent.link.code, actor="test")
    settlement.apply(returned.reference, paid(returned), actor="test")

    queues = [Queue(name, connection=queue_redis) for name in QueueName]
    asked = [job for queue in queues for job in queue.jobs]

    assert {job.args for job in asked} == {(), (silent.reference,), (returned.reference,)}
    assert not any(job.kwargs or job.meta for job in asked)
    told = " ".join(job.description or "" for job in asked)
    assert not any(word in told for word in (ADDRESS, NAME))


def test_an_error_of_the_database_names_nobody(make: Factories) -> None:
    known = make.link()
    with pytest.raises(IntegrityError) as refusal, transaction():
        db.session.add(
            PaymentLink(
                merchant_id=known.merchant_id,
                provider_account_id=known.provider_account_id,
                reference=known.reference,
                title="The same again",
                amount_minor=1,
                currency="EUR",
                buyer_email=ADDRESS,
                buyer_name=NAME,
                expires_at=known.expires_at,
            )
        )
    assert known.reference in str(refusal.value)
    assert ADDRESS not in str(refusal.value)
    assert NAME not in str(refusal.value)
