"""Attacks on the ledger by SQL, by the tables' owner and by the application's role: each is refused."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from allocations.ledger.models import LedgerAccount, Posting, Transfer
from allocations.ledger.selectors import Balances, balances
from allocations.ledger.services import award_post, capacity_set, charge_post, hold_place, refund_post
from allocations.ledger.verification import first_discrepancy
from portal.foundation import clock
from portal.foundation.clock import Quarter
from tests.cast import Cast, make_cast, site

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = Quarter.of(clock.today())
Login = Callable[[], psycopg2.extensions.connection]


@pytest.fixture
def stage(transactional_db: None) -> Cast:
    """Three allocations, the third on another resource; the first has a job under way."""
    cast = make_cast()
    for resource, codes in [(cast.resource, ["alc-1", "alc-2"]), (site("uet"), ["alc-3"])]:
        capacity_set(
            resource=resource, quarter=QUARTER, gpu_seconds=1000, key=f"plan {resource.code}", actor=None
        )
        for code in codes:
            award_post(
                resource=resource,
                allocation_code=code,
                portions={QUARTER: 100},
                key=f"award {code}",
                actor=None,
            )
            hold_place(allocation_code=code, job_code=f"job {code}", gpu_seconds=20, key=f"hold {code}")
    charge_post(allocation_code="alc-1", run_key="run", job_code="job alc-1", gpu_seconds=5, key="charge")
    call_command("grant_app_role", verbosity=0)
    return cast


def log_in(user: str, password: str) -> psycopg2.extensions.connection:
    at = connection.settings_dict
    return psycopg2.connect(host=at["HOST"], port=at["PORT"], dbname=at["NAME"], user=user, password=password)


@pytest.fixture(params=["owner", "application"])
def attacker(request: pytest.FixtureRequest, stage: Cast) -> Iterator[psycopg2.extensions.connection]:
    at = connection.settings_dict
    logins = {
        "owner": (at["USER"], at["PASSWORD"]),
        "application": (os.environ["TAQSEEM_DB_APP_USER"], os.environ["TAQSEEM_DB_APP_PASSWORD"]),
    }
    with closing(log_in(*logins[request.param])) as session:
        yield session


@pytest.fixture
def application(stage: Cast) -> Iterator[psycopg2.extensions.connection]:
    with closing(log_in(os.environ["TAQSEEM_DB_APP_USER"], os.environ["TAQSEEM_DB_APP_PASSWORD"])) as session:
        yield session


def account(kind: str, code: str | None = None, column: str = "id") -> str:
    owner = f"allocation_code = '{code}'" if code else "resource_id = (SELECT id FROM ned)"
    return f"(SELECT {column} FROM ledger_ledgeraccount WHERE kind = '{kind}' AND {owner})"


def transfer(
    source: tuple[str, str | None],
    target: tuple[str, str | None],
    amount: int,
    *,
    posting: str = "award alc-1",
    hold: str | None = None,
    resource: str = "ned-h100",
    claimed: str = "",
) -> str:
    """INSERT of one transfer, under a posting that is there."""
    held = f"(SELECT id FROM ledger_hold WHERE job_code = '{hold}')" if hold else "NULL"
    return f"""
        WITH ned AS (SELECT id FROM datacenters_resource WHERE code = 'ned-h100')
        INSERT INTO ledger_transfer (posting_id, line, resource_id, from_account_id, from_kind,
                                     to_account_id, to_kind, amount, hold_id)
        VALUES ((SELECT id FROM ledger_posting WHERE key = '{posting}'), 99,
                (SELECT id FROM datacenters_resource WHERE code = '{resource}'),
                {account(*source)}, '{claimed or source[0]}', {account(*target)}, '{target[0]}',
                {amount}, {held})
    """


def posting(key: str, kind: str = "charge", reference: str = "x") -> str:
    return f"""INSERT INTO ledger_posting (key, fingerprint, kind, allocation_code, reference, actor, reason)
               VALUES ('{key}', '', '{kind}', 'alc-1', '{reference}', '', '')"""


SWITCH_OFF = """SET pgtrigger.ignore = '{"ledger_transfer:append_only"}';
    SELECT set_config('pgtrigger.ignore', (SELECT array_agg(tgname)::text FROM pg_trigger), false);"""
OWN_TRIGGER = """
    CREATE TEMP TABLE lever (x int);
    CREATE FUNCTION pg_temp.lift() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN UPDATE public.ledger_ledgeraccount SET balance = balance + 1000
         WHERE kind = 'available'; RETURN NEW; END $$;
    CREATE TRIGGER lift BEFORE INSERT ON lever FOR EACH ROW EXECUTE FUNCTION pg_temp.lift();
    INSERT INTO lever VALUES (1);
"""

REWRITES = {
    "change an amount": "UPDATE ledger_transfer SET amount = amount + 1",
    "change an end": "UPDATE ledger_transfer SET to_account_id = from_account_id",
    "delete a transfer": "DELETE FROM ledger_transfer",
    "empty the transfers": "TRUNCATE ledger_transfer",
    "change a posting": "UPDATE ledger_posting SET actor = 'somebody else'",
    "delete a posting": "DELETE FROM ledger_posting WHERE kind = 'oversubscription' OR true",
    "empty the postings": "TRUNCATE ledger_posting CASCADE",
    "change a balance": "UPDATE ledger_ledgeraccount SET balance = balance + 1 WHERE kind = 'available'",
    "change an owner": "UPDATE ledger_ledgeraccount SET allocation_code = 'alc-9' WHERE kind = 'spent'",
    "delete a ledger account": "DELETE FROM ledger_ledgeraccount",
    "empty the ledger accounts": "TRUNCATE ledger_ledgeraccount CASCADE",
    "change a hold": "UPDATE ledger_hold SET remaining = remaining + 1",
    "delete a hold": "DELETE FROM ledger_hold",
    "empty the holds": "TRUNCATE ledger_hold CASCADE",
    "switch the library's triggers off": SWITCH_OFF + "UPDATE ledger_transfer SET amount = 1",
    "switch them off for a balance": SWITCH_OFF + "UPDATE ledger_ledgeraccount SET balance = 1",
}
AVAILABLE, HELD, SPENT, OVERRUN, POOL, SUPPLY = "available", "held", "spent", "overrun", "pool", "supply"
INSERTS = {
    "nothing": transfer((POOL, None), (AVAILABLE, "alc-1"), 0),
    "a negative amount": transfer((POOL, None), (AVAILABLE, "alc-1"), -5),
    "more than is available": transfer((AVAILABLE, "alc-1"), (SPENT, "alc-1"), 81),
    "more than the pool has": transfer((POOL, None), (AVAILABLE, "alc-1"), 801),
    "more than is held": transfer((HELD, "alc-1"), (SPENT, "alc-1"), 16, hold="job alc-1"),
    "a repaid debt that isn't owed": transfer((SPENT, "alc-1"), (OVERRUN, "alc-1"), 1),
    "from one resource to another": transfer((POOL, None), (AVAILABLE, "alc-3"), 1, posting="award alc-3"),
    "so, in the other's name": transfer(
        (POOL, None), (AVAILABLE, "alc-3"), 1, posting="award alc-3", resource="uet-h100"
    ),
    "from one allocation to another": transfer((AVAILABLE, "alc-1"), (SPENT, "alc-2"), 1),
    "so, in the other's posting": transfer((AVAILABLE, "alc-1"), (SPENT, "alc-2"), 1, posting="award alc-2"),
    "under a capacity posting": transfer((POOL, None), (AVAILABLE, "alc-1"), 1, posting="plan ned-h100"),
    "from a hold of another allocation": transfer((HELD, "alc-1"), (SPENT, "alc-1"), 1, hold="job alc-2"),
    "held without a hold": transfer((AVAILABLE, "alc-1"), (HELD, "alc-1"), 1),
    "a hold where nothing is held": transfer((AVAILABLE, "alc-1"), (SPENT, "alc-1"), 1, hold="job alc-1"),
    "past the pool": transfer((SUPPLY, None), (AVAILABLE, "alc-1"), 1),
    "past the budget": transfer((POOL, None), (SPENT, "alc-1"), 1),
    "under a false name": transfer((POOL, None), (SPENT, "alc-1"), 1, claimed=AVAILABLE),
    "a second posting under one key": posting("charge"),
    "a second charge of one run": posting("another key", reference="run"),
    "a second award under one key": posting("award alc-1", kind="award"),
    "a ledger account that starts rich": """INSERT INTO ledger_ledgeraccount
        (resource_id, kind, quarter, allocation_code, balance)
        SELECT id, 'available', '', 'alc-9', 5 FROM datacenters_resource LIMIT 1""",
    "a second pool for a quarter": """INSERT INTO ledger_ledgeraccount (resource_id, kind, quarter, balance)
        SELECT resource_id, kind, quarter, 0 FROM ledger_ledgeraccount WHERE kind = 'pool'""",
    "a hold that starts full": f"""INSERT INTO ledger_hold (job_code, account_id, remaining)
        VALUES ('x', {account(HELD, "alc-1")}, 5)""",
    "a second hold for a job": f"""INSERT INTO ledger_hold (job_code, account_id, remaining)
        VALUES ('job alc-1', {account(HELD, "alc-1")}, 0)""",
}
ESCALATIONS = {
    "disable a trigger": "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
    "drop the table": "DROP TABLE ledger_transfer",
    "pose as a replica": "SET session_replication_role = replica",
    "replace the lock": "CREATE OR REPLACE FUNCTION public.ledger_lock(text[], bigint[]) RETURNS int "
    "LANGUAGE sql AS 'SELECT 1'",
    "change a balance from a trigger of its own": OWN_TRIGGER,
    "lock rows to change them": "SELECT * FROM ledger_ledgeraccount FOR UPDATE",
}


def everything() -> list[list[tuple[object, ...]]]:
    tables = (Transfer.objects.order_by("posting_id", "line"), Posting.objects.order_by("id"))
    rows = [list(table.values_list()) for table in tables]
    return [*rows, list(LedgerAccount.objects.order_by("id").values_list())]


def assault(session: psycopg2.extensions.connection, sql: str) -> str:
    before = everything()
    with pytest.raises(psycopg2.DatabaseError) as error, session, session.cursor() as cursor:
        cursor.execute(sql)
    assert everything() == before
    assert first_discrepancy() is None
    return str(error.value)


def refused(message: str, *reasons: str) -> None:
    """Refused for what it is, not for a slip in the SQL."""
    assert any(reason in message for reason in reasons), message


def test_what_is_written_stays(attacker, subtests):
    for name, sql in REWRITES.items():
        with subtests.test(name):
            refused(assault(attacker, sql), "annot", "written once", "denied")


def test_what_cant_be_isnt_written(attacker, subtests):
    for name, sql in INSERTS.items():
        with subtests.test(name):
            refused(assault(attacker, sql), "violates", "must stay within", "Cannot insert")


def test_the_application_can_only_add(application, subtests):
    for name, sql in ESCALATIONS.items():
        with subtests.test(name):
            refused(assault(application, sql), "denied", "must be owner")


def test_an_honest_transfer_is_written(attacker):
    """The attacks fail for what they do, not for how they are written."""
    honest = transfer((POOL, None), (AVAILABLE, "alc-1"), 5)
    with attacker, attacker.cursor() as cursor:
        cursor.execute(honest)
    assert balances("alc-1") == Balances(granted=105, available=85, held=15, spent=5)


@pytest.fixture
def as_application(stage: Cast) -> Iterator[None]:
    """The portal itself, logged in as the application's role."""
    owner = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= {
        "USER": os.environ["TAQSEEM_DB_APP_USER"],
        "PASSWORD": os.environ["TAQSEEM_DB_APP_PASSWORD"],
    }
    yield
    connection.close()
    connection.settings_dict |= owner


def test_the_application_does_its_work_with_so_little(as_application):
    hold_place(allocation_code="alc-1", job_code="new", gpu_seconds=30, key="new hold")
    charge_post(
        allocation_code="alc-1", run_key="new", job_code="new", gpu_seconds=40, key="c", release_rest=True
    )
    refund_post(allocation_code="alc-1", run_key="new", gpu_seconds=10, key="r", reason="", sweep=True)
    assert balances("alc-1") == Balances(granted=100, available=40, held=15, spent=35, returned=10)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (os.environ["TAQSEEM_DB_APP_USER"],)


# --- Verification -----------------------------------------------------------------------------------
TAMPERING = {
    "A balance is the sum of its transfers": (
        "UPDATE ledger_ledgeraccount SET balance = balance + 7 WHERE kind = 'spent' "
        "AND allocation_code = 'alc-1'",
        "ned-h100 alc-1 spent: expected 5, found 12",
    ),
    "A hold is the sum of its transfers": (
        "UPDATE ledger_hold SET remaining = 14 WHERE job_code = 'job alc-1'",
        "job alc-1: expected 15, found 14",
    ),
    "A transfer stays on its resource and in its allocation": (
        "UPDATE ledger_transfer SET to_kind = 'available' WHERE to_kind = 'spent'",
        "charge line 1",
    ),
}


@pytest.mark.parametrize("rule", TAMPERING)
def test_verification_names_what_was_tampered_with(stage, rule, capsys):
    call_command("ledger_verify")
    assert "The ledger agrees" in capsys.readouterr().out
    sql, place = TAMPERING[rule]
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; SET LOCAL session_replication_role = replica;" + sql + "; COMMIT")
    with pytest.raises(CommandError) as error:
        call_command("ledger_verify")
    assert rule in str(error.value)
    assert place in str(error.value)


def test_verification_follows_the_sum_where_a_transfer_vanished(stage):
    with connection.cursor() as cursor:
        cursor.execute(
            "BEGIN; SET LOCAL session_replication_role = replica;"
            "DELETE FROM ledger_transfer WHERE to_kind = 'spent'; COMMIT"
        )
    assert "A balance is the sum" in str(first_discrepancy())
