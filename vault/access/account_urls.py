"""The pages of signing in: those of allauth that the vault uses, each with its permission.

Left out on purpose: signing up, e-mail addresses, signing in by mailed code. What changes an account runs
in one transaction with its event.
"""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, re_path

from vault.access import account_pages
from vault.access.account_pages import changes_factors, changes_password, records_reset_request, shows_codes
from vault.access.gate import requires
from vault.permissions import Permission

public = requires(Permission.PUBLIC)
signing_in = requires(Permission.SIGNING_IN)
signed_in = requires(Permission.SIGNED_IN)

urlpatterns = [
    path("invitation/", account_pages.accept_invitation, name="account_invitation"),
    path("invitation/<str:secret>/", account_pages.open_invitation, name="account_open_invitation"),
    path("login/", public(account.login), name="account_login"),
    path("logout/", public(account.logout), name="account_logout"),
    path("inactive/", public(account.account_inactive), name="account_inactive"),
    path("reauthenticate/", signing_in(account.reauthenticate), name="account_reauthenticate"),
    path(
        "password/change/",
        signed_in(changes_password(account.password_change)),
        name="account_change_password",
    ),
    path(
        "password/reset/",
        public(records_reset_request(account.password_reset)),
        name="account_reset_password",
    ),
    path("password/reset/done/", public(account.password_reset_done), name="account_reset_password_done"),
    path(
        "password/reset/key/done/",
        public(account.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        public(changes_password(account.password_reset_from_key)),
        name="account_reset_password_from_key",
    ),
    path("factors/", signing_in(mfa.index), name="mfa_index"),
    path("factors/authenticate/", public(mfa.authenticate), name="mfa_authenticate"),
    path("factors/reauthenticate/", signed_in(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("factors/app/", signing_in(changes_factors(totp.activate_totp)), name="mfa_activate_totp"),
    path("factors/app/stop/", signed_in(changes_factors(totp.deactivate_totp)), name="mfa_deactivate_totp"),
    path(
        "factors/recovery-codes/",
        signed_in(shows_codes(recovery_codes.view_recovery_codes)),
        name="mfa_view_recovery_codes",
    ),
    path(
        "factors/recovery-codes/new/",
        signed_in(changes_factors(recovery_codes.generate_recovery_codes)),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "factors/recovery-codes/download/",
        signed_in(shows_codes(recovery_codes.download_recovery_codes)),
        name="mfa_download_recovery_codes",
    ),
    path("factors/passkeys/", signed_in(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path(
        "factors/passkeys/add/", signing_in(changes_factors(webauthn.add_webauthn)), name="mfa_add_webauthn"
    ),
    path(
        "factors/passkeys/<int:pk>/remove/",
        signed_in(changes_factors(webauthn.remove_webauthn)),
        name="mfa_remove_webauthn",
    ),
    path("factors/passkeys/<int:pk>/edit/", signed_in(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
    path("factors/passkeys/login/", public(webauthn.login_webauthn), name="mfa_login_webauthn"),
    path(
        "factors/passkeys/reauthenticate/",
        signed_in(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
]
