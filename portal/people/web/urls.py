"""The pages of people and organisations."""

from django.urls import path

from portal.people.web import (
    deputies,
    institutions,
    organisations,
    own,
    ownership,
    people,
    terms,
    verifications,
)

urlpatterns = [
    path("terms/", terms.Terms.as_view(), name="terms"),
    path("terms/new/", terms.TermsWrite.as_view(), name="terms_write"),
    path("terms/consent/", terms.ConsentGive.as_view(), name="consent_give"),
    path("terms/<slug:code>/", terms.TermsVersionPage.as_view(), name="terms_version"),
    path("deputies/", deputies.DeputyList.as_view(), name="deputies"),
    path("deputies/new/", deputies.DeputyName.as_view(), name="deputy_name"),
    path("deputies/<slug:code>/end/", deputies.DeputyEnd.as_view(), name="deputy_end"),
    path("institutions/", institutions.InstitutionList.as_view(), name="institutions"),
    path("institutions/new/", institutions.InstitutionAdd.as_view(), name="institution_add"),
    path("institutions/import/", institutions.InstitutionImport.as_view(), name="institution_import"),
    path("institutions/<slug:code>/", institutions.InstitutionPage.as_view(), name="institution"),
    path("institutions/<slug:code>/edit/", institutions.InstitutionEdit.as_view(), name="institution_edit"),
    path("profile/", own.Profile.as_view(), name="profile"),
    path("security/", own.Security.as_view(), name="security"),
    path("tokens/", own.TokenList.as_view(), name="tokens"),
    path("tokens/new/", own.TokenCreate.as_view(), name="token_create"),
    path("tokens/<slug:code>/revoke/", own.TokenRevoke.as_view(), name="token_revoke"),
    path("organisations/", organisations.OrganisationList.as_view(), name="organisations"),
    path("organisations/new/", organisations.OrganisationCreate.as_view(), name="organisation_create"),
    path("organisations/join/", ownership.InstitutionJoin.as_view(), name="institution_join"),
    path("organisations/<slug:code>/", organisations.OrganisationPage.as_view(), name="organisation"),
    path(
        "organisations/<slug:code>/edit/", organisations.OrganisationEdit.as_view(), name="organisation_edit"
    ),
    path("organisations/<slug:code>/invite/", organisations.MemberInvite.as_view(), name="member_invite"),
    path(
        "organisations/<slug:code>/members/<slug:member>/role/",
        organisations.MemberRole.as_view(),
        name="member_role",
    ),
    path(
        "organisations/<slug:code>/members/<slug:member>/remove/",
        organisations.MemberRemove.as_view(),
        name="member_remove",
    ),
    path(
        "organisations/<slug:code>/members/<slug:member>/readmit/",
        organisations.MemberReadmit.as_view(),
        name="member_readmit",
    ),
    path(
        "organisations/<slug:code>/members/<slug:member>/hand-over/",
        organisations.OwnershipHandOver.as_view(),
        name="ownership_hand_over",
    ),
    path("organisations/<slug:code>/manage/", ownership.OwnershipAsk.as_view(), name="ownership_ask"),
    path("ownership/<slug:code>/confirm/", ownership.OwnershipConfirm.as_view(), name="ownership_confirm"),
    path("ownership/<slug:code>/decline/", ownership.OwnershipDecline.as_view(), name="ownership_decline"),
    path("ownership/<slug:code>/withdraw/", ownership.OwnershipWithdraw.as_view(), name="ownership_withdraw"),
    path(
        "organisations/<slug:code>/verification/",
        verifications.VerificationSubmit.as_view(),
        name="verification_submit",
    ),
    path("invitations/<slug:code>/", organisations.InvitationPage.as_view(), name="invitation"),
    path(
        "invitations/<slug:code>/accept/", organisations.InvitationAccept.as_view(), name="invitation_accept"
    ),
    path(
        "invitations/<slug:code>/decline/",
        organisations.InvitationDecline.as_view(),
        name="invitation_decline",
    ),
    path(
        "invitations/<slug:code>/withdraw/",
        organisations.InvitationWithdraw.as_view(),
        name="invitation_withdraw",
    ),
    path("verifications/", verifications.VerificationList.as_view(), name="verifications"),
    path("verifications/<slug:code>/", verifications.VerificationPage.as_view(), name="verification"),
    path(
        "verifications/<slug:code>/evidence/", verifications.Evidence.as_view(), name="verification_evidence"
    ),
    path(
        "verifications/<slug:code>/withdraw/", verifications.Withdraw.as_view(), name="verification_withdraw"
    ),
    path("verifications/<slug:code>/accept/", verifications.Accept.as_view(), name="verification_accept"),
    path("verifications/<slug:code>/refuse/", verifications.Refuse.as_view(), name="verification_refuse"),
    path("verifications/<slug:code>/revoke/", verifications.Revoke.as_view(), name="verification_revoke"),
    path("people/", people.PersonList.as_view(), name="people"),
    path("people/<slug:code>/", people.PersonPage.as_view(), name="person"),
    path("people/<slug:code>/roles/grant/", people.RoleGrant.as_view(), name="role_grant"),
    path("people/<slug:code>/roles/<slug:role>/revoke/", people.RoleRevoke.as_view(), name="role_revoke"),
    path("people/<slug:code>/scopes/grant/", people.ScopeGrant.as_view(), name="scope_grant"),
    path("people/<slug:code>/scopes/<slug:scope>/revoke/", people.ScopeRevoke.as_view(), name="scope_revoke"),
    path("people/<slug:code>/end-access/", people.AccessEnd.as_view(), name="access_end"),
    path("people/<slug:code>/give-access-back/", people.AccessGiveBack.as_view(), name="access_give_back"),
]
