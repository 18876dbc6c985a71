"""The main pages, and who looks at them. Codes in addresses are found by following links from a list."""

from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True)
class MainPage:
    """`login` is a demo account, empty for a visitor. With `first`, the first link of this kind on the
    page is followed, and `then` added to its address."""

    name: str
    login: str
    path: str
    first: str = ""
    then: str = ""

    def open(self, page: Page) -> None:
        page.goto(self.path)
        if self.first:
            page.goto(page.locator(f"main {self.first}").first.get_attribute("href") + self.then)
        page.wait_for_load_state("networkidle")


ROW = "tbody a[href^='/{}/']"
PROJECT, REQUEST, ALLOCATION = ROW.format("projects"), ROW.format("requests"), ROW.format("allocations")
REPORT = ROW.format("allocation-reports")
DRAFT = ("/requests/?state=draft", REQUEST)

MAIN = (
    MainPage("welcome", "", "/"),
    MainPage("sign-in", "", "/sign-in/login/"),
    MainPage("sign-up", "", "/sign-in/signup/"),
    MainPage("status", "", "/status/"),
    MainPage("home", "researcher", "/"),
    MainPage("projects", "researcher", "/projects/"),
    MainPage("project", "researcher", "/projects/", ROW.format("projects")),
    MainPage("project-new", "researcher", "/projects/new/"),
    MainPage("requests", "researcher", "/requests/"),
    MainPage("request", "researcher", "/requests/", ROW.format("requests")),
    MainPage("request-new", "researcher", "/requests/new/"),
    MainPage("allocations", "researcher", "/allocations/"),
    MainPage("allocation", "researcher", "/allocations/", ROW.format("allocations")),
    MainPage("ledger", "researcher", "/allocations/", ROW.format("allocations"), "ledger/"),
    MainPage("jobs", "researcher", "/jobs/"),
    MainPage("job", "researcher", "/jobs/", ROW.format("jobs")),
    MainPage("job-new", "researcher", "/jobs/new/"),
    MainPage("reports", "researcher", "/reports/"),
    MainPage("sites", "researcher", "/sites/"),
    MainPage("site", "researcher", "/sites/", ROW.format("sites")),
    MainPage("resource", "researcher", "/requests/new/", ROW.format("resources")),
    MainPage("profile", "researcher", "/profile/"),
    MainPage("organisations", "researcher", "/organisations/"),
    MainPage("organisation", "researcher", "/organisations/", ROW.format("organisations")),
    MainPage("tokens", "researcher", "/tokens/"),
    MainPage("security", "researcher", "/security/"),
    MainPage("notices", "researcher", "/notices/"),
    MainPage("notice-settings", "researcher", "/notices/settings/"),
    MainPage("waiting-mail", "admin", "/waiting-mail/"),
    MainPage("letter-check", "", "/letters/"),
    MainPage("home-of-admin", "admin", "/"),
    MainPage("to-decide", "admin", "/requests/pending/"),
    MainPage("decide", "admin", "/requests/pending/", ROW.format("requests"), "decide/"),
    MainPage("verifications", "admin", "/verifications/"),
    MainPage("verification", "admin", "/verifications/", ROW.format("verifications")),
    MainPage("people", "admin", "/people/"),
    MainPage("person", "admin", "/people/", ROW.format("people")),
    MainPage("terms", "", "/terms/"),
    MainPage("deputies", "council", "/deputies/"),
    MainPage("deputy-name", "council", "/deputies/new/"),
    MainPage("institution", "researcher", "/institutions/", ROW.format("institutions")),
    MainPage("institutions-import", "admin", "/institutions/import/"),
    MainPage("reports-of-agency", "agency", "/reports/"),
    MainPage("site-of-manager", "site", "/sites/", ROW.format("sites")),
    MainPage("my-logins", "researcher", "/jobs/logins/"),
    MainPage("login-ask", "researcher", "/jobs/logins/ask/"),
    MainPage("logins-of-site", "site", "/sites/data-vault/logins/"),
    MainPage("logins-import", "site", "/sites/data-vault/logins/import/"),
    MainPage("bridge", "site", "/sites/astrolabe-ned/bridge/"),
    MainPage("drift", "site", "/sites/astrolabe-ned/bridge/drift/"),
    MainPage("share", "admin", "/sites/astrolabe-ned/bridge/share/"),
    MainPage("slurm-of-allocation", "admin", "/allocations/", ROW.format("allocations"), "slurm/"),
    MainPage("adjust", "admin", "/allocations/", ROW.format("allocations"), "adjust/"),
    MainPage("preflight", "site", "/sites/astrolabe-ned/preflight/"),
    MainPage("slurm-config", "site", "/sites/astrolabe-ned/preflight/config/"),
    MainPage("switch-on", "admin", "/sites/astrolabe-ned/preflight/switch-on/"),
    MainPage("site-new", "admin", "/sites/new/"),
    MainPage("site-of-admin", "admin", "/sites/quetta/"),
    MainPage("cluster", "admin", "/sites/higgs/cluster/"),
    MainPage("resource-new", "admin", "/sites/higgs/resources/new/"),
    MainPage("usage-of-site", "admin", "/sites/quetta/usage/"),
    MainPage("usage-new", "admin", "/sites/quetta/usage/new/"),
    MainPage("usage-keys", "admin", "/sites/quetta/usage-keys/"),
    MainPage("not-found", "researcher", "/jobs/job-none/"),
)
FURTHER = (
    # How awards are decided, for everybody.
    MainPage("tracks", "", "/tracks/"),
    MainPage("track", "", "/tracks/standard/"),
    MainPage("rubric", "", "/tracks/", "a[href^='/rubrics/']"),
    MainPage("calls", "", "/calls/"),
    MainPage("call", "", "/calls/?state=open", ROW.format("calls")),
    MainPage("estimate", "", "/estimate/"),
    MainPage("estimated", "", "/estimate/?kind=finetune&parameters=7B&tokens=200M&epochs=1&gpu=h100"),
    MainPage("register", "", "/register/"),
    MainPage("statistics", "", "/register/statistics/"),
    # A request, from its draft to its history.
    MainPage("request-new-full", "researcher", "/requests/new/full/"),
    MainPage("draft", "researcher", *DRAFT),
    MainPage("draft-purpose", "researcher", *DRAFT, "edit/"),
    MainPage("draft-amounts", "researcher", *DRAFT, "edit/amounts/"),
    MainPage("draft-running", "researcher", *DRAFT, "edit/running/"),
    MainPage("draft-papers", "researcher", *DRAFT, "edit/papers/"),
    MainPage("draft-submit", "researcher", *DRAFT, "submit/"),
    MainPage("request-withdraw", "startup", "/requests/?state=submitted", REQUEST, "withdraw/"),
    MainPage("request-waiting", "startup", "/requests/?state=submitted", REQUEST),
    MainPage("request-thread", "startup", "/requests/?state=submitted", REQUEST, "thread/"),
    MainPage("request-history", "researcher", "/requests/", REQUEST, "history/"),
    MainPage("request-returned", "startup", "/requests/?state=returned", REQUEST),
    MainPage("request-declined", "startup", "/requests/?state=declined", REQUEST),
    MainPage("request-appeals", "startup", "/requests/?state=declined", REQUEST, "appeals/"),
    MainPage("appeal-file", "startup", "/requests/?state=declined", REQUEST, "appeal/"),
    # Whoever decides.
    MainPage("decide-as-council", "council", "/requests/pending/", REQUEST, "decide/"),
    MainPage("impact", "council", "/requests/pending/", REQUEST, "impact/"),
    MainPage("conflict", "council2", "/requests/pending/", REQUEST, "conflict/"),
    MainPage("check", "admin", "/requests/pending/", "tbody a[href$='/check/']"),
    MainPage("consent", "site", "/requests/pending/", "tbody a[href*='/consent/']"),
    MainPage("call-of-admin", "admin", "/calls/", ROW.format("calls")),
    MainPage("call-new", "admin", "/calls/new/"),
    MainPage("call-edit", "admin", "/calls/", ROW.format("calls"), "edit/"),
    MainPage("call-budget", "admin", "/calls/", ROW.format("calls"), "budget/"),
    MainPage("call-document", "admin", "/calls/", ROW.format("calls"), "documents/"),
    MainPage("call-decide", "council", "/calls/?state=open", ROW.format("calls"), "decide/"),
    MainPage("track-edit", "admin", "/tracks/large/edit/"),
    MainPage("track-open", "admin", "/tracks/large/open/"),
    MainPage("rubric-new", "admin", "/rubrics/new/"),
    MainPage("home-of-council", "council", "/"),
    # Reviews.
    MainPage("reviews", "reviewer", "/reviews/"),
    MainPage("review", "reviewer", "/reviews/", ROW.format("reviews")),
    MainPage("reviewer-profile", "reviewer", "/reviews/profile/"),
    MainPage("panel", "council", "/reviews/panel/"),
    MainPage("reviewer-pool", "admin", "/reviews/pool/"),
    MainPage("review-rules", "admin", "/reviews/rules/"),
    MainPage("request-reviews", "council", "/reviews/panel/", "tbody a[href$='/reviews/']"),
    # Life of an allocation.
    MainPage("more", "researcher", "/allocations/", ALLOCATION, "more/"),
    MainPage("longer", "researcher", "/allocations/", ALLOCATION, "longer/"),
    MainPage("move", "researcher", "/allocations/", ALLOCATION, "move/"),
    MainPage("give-back", "researcher", "/allocations/", ALLOCATION, "give-back/"),
    MainPage("changes-of-allocation", "researcher", "/allocations/", ALLOCATION, "changes/"),
    MainPage("changes", "researcher", "/changes/"),
    MainPage("change", "researcher", "/changes/", ROW.format("changes")),
    MainPage("changes-to-decide", "council", "/changes/pending/"),
    MainPage("change-decide", "council", "/changes/pending/", ROW.format("changes"), "decide/"),
    MainPage("allocation-reports", "researcher", "/allocation-reports/"),
    MainPage("allocation-report", "researcher", "/allocation-reports/", REPORT),
    MainPage("report-write", "researcher", "/allocation-reports/", REPORT, "write/"),
    MainPage("report-answer", "admin", "/allocation-reports/?state=submitted", REPORT, "answer/"),
    MainPage("appeals", "council2", "/appeals/"),
    MainPage("appeal", "council2", "/appeals/", ROW.format("appeals")),
    MainPage("appeal-decide", "council2", "/appeals/", ROW.format("appeals"), "decide/"),
    MainPage("suspend", "admin", "/allocations/", ALLOCATION, "suspend/"),
    MainPage("revoke", "admin", "/allocations/", ALLOCATION, "revoke/"),
    # Use it or lose it.
    MainPage("reclaim", "admin", "/reclaim/"),
    MainPage("reclaim-case", "admin", "/reclaim/", ROW.format("reclaim")),
    MainPage("exemption-ask", "researcher", "/reclaim/", ROW.format("reclaim"), "exemption/"),
    MainPage("exemption-grant", "admin", "/reclaim/", ROW.format("reclaim"), "grant/"),
    MainPage("reclaim-rules", "admin", "/reclaim-rules/"),
    MainPage("reclaim-rule", "admin", "/reclaim-rules/", ROW.format("reclaim-rules")),
    MainPage("reclaim-rule-new", "admin", "/reclaim-rules/new/"),
    MainPage("reclaim-dry-run", "admin", "/reclaim-rules/dry-run/"),
    # Shares and programmes.
    MainPage("quotas", "admin", "/quotas/"),
    MainPage("quota", "admin", "/quotas/", ROW.format("quotas")),
    MainPage("quota-new", "admin", "/quotas/new/"),
    MainPage("quota-change", "admin", "/quotas/", ROW.format("quotas"), "change/"),
    MainPage("quota-end", "admin", "/quotas/", ROW.format("quotas"), "end/"),
    MainPage("shares", "council", "/sites/astrolabe-ned/", ROW.format("resources"), "shares/"),
    MainPage("programmes", "researcher", "/programmes/"),
    MainPage("programme", "council", "/programmes/", ROW.format("programmes")),
    MainPage("programme-new", "admin", "/programmes/new/"),
    MainPage("programme-edit", "admin", "/programmes/", ROW.format("programmes"), "edit/"),
    MainPage("endorse", "council", "/programmes/", ROW.format("programmes"), "organisations/endorse/"),
    # Projects and their people.
    MainPage("project-edit", "researcher", "/projects/?q=Urdu", PROJECT, "edit/"),
    MainPage("project-invite", "researcher", "/projects/?q=Urdu", PROJECT, "invite/"),
    MainPage("project-link-new", "researcher", "/projects/?q=Urdu", PROJECT, "links/new/"),
    MainPage("course-open", "researcher", "/projects/?q=Urdu", PROJECT, "course/open/"),
    MainPage("course", "teacher", "/projects/", PROJECT, "course/"),
    MainPage("course-edit", "teacher", "/projects/", PROJECT, "course/edit/"),
    MainPage("join", "outsider", "/join/"),
    MainPage("course-join", "outsider", "/courses/join/"),
    # People and places.
    MainPage("institutions", "admin", "/institutions/"),
    MainPage("institution-new", "admin", "/institutions/new/"),
    MainPage("terms-write", "admin", "/terms/new/"),
    MainPage("verifications-of-verifier", "verifier", "/verifications/"),
    MainPage("organisation-new", "outsider", "/organisations/new/"),
    MainPage("outages", "site", "/sites/astrolabe-ned/outages/"),
    MainPage("outage-new", "site", "/sites/astrolabe-ned/outages/new/"),
    MainPage("sending", "admin", "/sending/"),
    MainPage("capacity", "admin", "/sites/astrolabe-ned/", ROW.format("resources"), "capacity/"),
)
PAGES = MAIN + FURTHER
