"""Awards from the waiting list that were made before awards said which line they fulfil.

They are known by what they gave as their reason: the place's code. Those of upheld appeals aren't known by
anything as sure and stay as they are.
"""

from django.db import migrations

FORWARDS = """
INSERT INTO programme_fulfilment (award_id, decision_id, line_id, on_appeal)
SELECT w.id, g.decision_id, g.line_id, false
FROM programme_waitingentry e
JOIN programme_decisionline g ON g.id = e.decision_line_id
JOIN programme_decision d ON d.id = g.decision_id
JOIN programme_allocationrequest r ON r.id = d.request_id
JOIN awards_award w ON w.decided_by_id IS NULL AND w.reason LIKE '%(' || e.code || ')%'
JOIN awards_allocation a ON a.id = w.allocation_id
WHERE a.project_id = r.project_id AND a.resource_id = e.resource_id
AND NOT EXISTS (SELECT 1 FROM programme_fulfilment f WHERE f.award_id = w.id)
ORDER BY w.id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [("programme", "0008_lines_awarded_once_and_saves")]

    operations = [migrations.RunSQL(FORWARDS, migrations.RunSQL.noop)]
