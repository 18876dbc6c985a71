from django.db import migrations

# What was decided while a request had one line and one decision: awards move to lines of the decision, and
# every submission counts as a round. Decisions are append-only, so their guards stand aside for it.
FORWARDS = """
ALTER TABLE programme_decision DISABLE TRIGGER USER;
ALTER TABLE programme_allocationrequest DISABLE TRIGGER USER;
UPDATE programme_decision d SET round = n.number, reason_code = CASE d.outcome
    WHEN 'returned' THEN 'question' WHEN 'approved' THEN 'as_asked' ELSE 'other' END
FROM (SELECT id, row_number() OVER (PARTITION BY request_id ORDER BY id) AS number FROM programme_decision) n
WHERE n.id = d.id;
UPDATE programme_allocationrequest r SET round =
    (SELECT count(*) FROM programme_decision d WHERE d.request_id = r.id)
    + (CASE WHEN r.state IN ('submitted', 'under_review') THEN 1 ELSE 0 END);
INSERT INTO programme_decisionline
    (decision_id, line_id, resource_id, gpu_seconds, waiting_gpu_seconds, by_quarter, starts_on, ends_on, award_id)
SELECT d.id, l.id, a.resource_id, w.gpu_seconds, 0, '{}', w.starts_on, w.ends_on, w.id
FROM programme_decision d
JOIN programme_requestline l ON l.request_id = d.request_id
JOIN awards_award w ON w.id = d.award_id
JOIN awards_allocation a ON a.id = w.allocation_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE programme_decision ENABLE TRIGGER USER;
ALTER TABLE programme_allocationrequest ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):

    dependencies = [("programme", "0002_tracks")]
    operations = [migrations.RunSQL(FORWARDS, migrations.RunSQL.noop)]
