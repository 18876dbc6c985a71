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

PAGES = (
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
