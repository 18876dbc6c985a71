"""The fixed cast of the tests, and the stage that they stand on: one small, complete nation."""

from dataclasses import dataclass
from datetime import timedelta

from allocations.programme import seeding as tracks
from allocations.projects.models import Project, ProjectMember, Sector
from datacenters.models import Capacity, Cluster, Resource, Site, SiteRole
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.people.models import (
    AuditorScope,
    Consent,
    Membership,
    Organisation,
    ProgrammeRole,
    User,
    Verification,
)
from portal.people.selectors import terms_in_force

PASSWORD = "correct-horse-battery"


@dataclass
class Cast:
    """Who they are. The outsider is a verified PI of another organisation: allowed much, but nothing here."""

    pi: User
    member: User
    colleague: User  # of the PI's organisation, not of the project
    reviewer: User
    site_manager: User
    council: User
    admin: User
    auditor: User
    outsider: User
    organisation: Organisation
    other_organisation: Organisation
    site: Site
    cluster: Cluster
    resource: Resource
    project: Project


def person(name: str, *, consents: bool = True, **fields: object) -> User:
    user: User = User.objects.create_user(f"{name}@example.pk", PASSWORD, name=name.title(), **fields)
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    if consents and (terms := terms_in_force()):
        Consent.objects.create(user=user, terms=terms)
    return user


def organisation(name: str, *members: User, kind: str = "academic", verifier: User) -> Organisation:
    body = Organisation.objects.create(name=name, kind=kind, province="sindh")
    for number, user in enumerate(members):
        role = Membership.Role.MEMBER if number else Membership.Role.OWNER
        Membership.objects.create(organisation=body, user=user, role=role)
    Verification.objects.create(
        organisation=body,
        identifier_kind="hec",
        identifier=name,
        state=Verification.State.ACCEPTED,
        submitted_by=members[0],
        verifier=verifier,
        decided_at=clock.now(),
        expires_on=clock.today() + timedelta(days=365),
    )
    return body


def site(code: str, *, gpus: int = 16, hours_a_quarter: int = 10_000) -> Resource:
    """A site with one cluster and one open resource, with capacity for this quarter and the next three."""
    place = Site.objects.create(code=code, name=code.title(), city="Karachi", province="sindh")
    cluster = Cluster.objects.create(
        code=code,
        site=place,
        slurm_name=code,
        url="http://127.0.0.1:9",
        signer=f"{code}.key",
        is_sandbox=True,
    )
    resource = Resource.objects.create(
        code=f"{code}-h100",
        site=place,
        cluster=cluster,
        name=f"{code.title()} H100",
        gpu_model="NVIDIA H100",
        gres_type="h100",
        partition="gpu",
        gpu_count=gpus,
    )
    quarter = Quarter.of(clock.today())
    for _ in range(4):
        Capacity.objects.create(resource=resource, quarter=str(quarter), gpu_seconds=hours_a_quarter * 3600)
        quarter = quarter.next
    return resource


def make_cast() -> Cast:
    tracks.seed()
    pi, member, colleague = person("pi"), person("member"), person("colleague")
    reviewer, site_manager, council = person("reviewer"), person("manager"), person("council")
    admin, auditor, outsider = person("admin"), person("auditor"), person("outsider")
    for user, role in [(admin, "admin"), (council, "council"), (reviewer, "reviewer"), (auditor, "auditor")]:
        ProgrammeRole.objects.create(user=user, role=role)
    AuditorScope.objects.create(user=auditor, kind=AuditorScope.Kind.ALL)
    home = organisation("NED University", pi, member, colleague, verifier=admin)
    other = organisation("Indus Robotics", outsider, kind="startup", verifier=admin)
    resource = site("ned")
    SiteRole.objects.create(site=resource.site, user=site_manager, role=SiteRole.Role.MANAGER)
    sector, _ = Sector.objects.get_or_create(code="health", defaults={"name_en": "Health", "name_ur": "صحت"})
    project = Project.objects.create(
        organisation=home, title="Retina screening", abstract="Finds retinopathy early.", sector=sector
    )
    ProjectMember.objects.create(project=project, user=pi, role=ProjectMember.Role.PI)
    ProjectMember.objects.create(project=project, user=member, role=ProjectMember.Role.MEMBER)
    assert resource.cluster is not None
    return Cast(
        pi=pi,
        member=member,
        colleague=colleague,
        reviewer=reviewer,
        site_manager=site_manager,
        council=council,
        admin=admin,
        auditor=auditor,
        outsider=outsider,
        organisation=home,
        other_organisation=other,
        site=resource.site,
        cluster=resource.cluster,
        resource=resource,
        project=project,
    )
