"""The pages of people and organisations."""

from django.urls import path

from portal.people.web import organisations, own, people, verifications

urlpatterns = [
    path("terms/", own.Terms.as_view(), name="terms"),
    path("profile/", own.Profile.as_view(), name="profile"),
    path("security/", own.Security.as_view(), name="security"),
    path("tokens/", own.TokenList.as_view(), name="tokens"),
    path("tokens/new/", own.TokenCreate.as_view(), name="token-create"),
    path("tokens/<slug:code>/revoke/", own.TokenRevoke.as_view(), name="token-revoke"),
    path("organisations/", organisations.OrganisationList.as_view(), name="organisations"),
    path("organisations/new/", organisations.OrganisationCreate.as_view(), name="organisation-create"),
    path("organisations/<slug:code>/", organisations.OrganisationPage.as_view(), name="organisation"),
    path(
        "organisations/<slug:code>/edit/", organisations.OrganisationEdit.as_view(), name="organisation-edit"
    ),
    path("organisations/<slug:code>/invite/", organisations.MemberInvite.as_view(), name="member-invite"),
    path(
        "organisations/<slug:code>/members/<slug:member>/role/",
        organisations.MemberRole.as_view(),
        name="member-role",
    ),
    path(
        "organisations/<slug:code>/members/<slug:member>/remove/",
        organisations.MemberRemove.as_view(),
        name="member-remove",
    ),
    path(
        "organisations/<slug:code>/verification/",
        verifications.VerificationSubmit.as_view(),
        name="verification-submit",
    ),
    path("invitations/<slug:code>/", organisations.InvitationPage.as_view(), name="invitation"),
    path(
        "invitations/<slug:code>/accept/", organisations.InvitationAccept.as_view(), name="invitation-accept"
    ),
    path(
        "invitations/<slug:code>/decline/",
        organisations.InvitationDecline.as_view(),
        name="invitation-decline",
    ),
    path(
        "invitations/<slug:code>/withdraw/",
        organisations.InvitationWithdraw.as_view(),
        name="invitation-withdraw",
    ),
    path("verifications/", verifications.VerificationList.as_view(), name="verifications"),
    path("verifications/<slug:code>/", verifications.VerificationPage.as_view(), name="verification"),
    path(
        "verifications/<slug:code>/evidence/", verifications.Evidence.as_view(), name="verification-evidence"
    ),
    path(
        "verifications/<slug:code>/withdraw/", verifications.Withdraw.as_view(), name="verification-withdraw"
    ),
    path("verifications/<slug:code>/accept/", verifications.Accept.as_view(), name="verification-accept"),
    path("verifications/<slug:code>/refuse/", verifications.Refuse.as_view(), name="verification-refuse"),
    path("verifications/<slug:code>/revoke/", verifications.Revoke.as_view(), name="verification-revoke"),
    path("people/", people.PersonList.as_view(), name="people"),
    path("people/<slug:code>/", people.PersonPage.as_view(), name="person"),
    path("people/<slug:code>/roles/grant/", people.RoleGrant.as_view(), name="role-grant"),
    path("people/<slug:code>/roles/<slug:role>/revoke/", people.RoleRevoke.as_view(), name="role-revoke"),
    path("people/<slug:code>/scopes/grant/", people.ScopeGrant.as_view(), name="scope-grant"),
    path("people/<slug:code>/scopes/<slug:scope>/revoke/", people.ScopeRevoke.as_view(), name="scope-revoke"),
    path("people/<slug:code>/end-access/", people.AccessEnd.as_view(), name="access-end"),
    path("people/<slug:code>/give-access-back/", people.AccessGiveBack.as_view(), name="access-give-back"),
]
