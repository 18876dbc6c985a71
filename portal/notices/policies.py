"""Who may look after mail."""

import rules

from portal.people.policies import is_admin

rules.add_perm("notices.see_waiting_mail", is_admin)
