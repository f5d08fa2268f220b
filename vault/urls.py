"""Every address of the vault. Each view names its permission; the gate refuses one that does not."""

from django.urls import include, path

from vault import health
from vault.web import pages as web

urlpatterns = [
    path("", web.home, name="home"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("account/", include("vault.access.account_urls")),
    path("", include("vault.access.urls")),
    path("", include("vault.web.urls")),
    path("approvals/", include("vault.approvals.urls")),
    path("recordings/", include("recordings.urls")),
    path("retention/", include("retention.urls")),
    path("privacy/", include("privacy.urls")),
    path("keys/", include("recordings.key_urls")),
    path("trail/", include("audit.urls")),
    path("api/v1/", include("vault.access.api_urls")),
    path("api/v1/", include("vault.approvals.api_urls")),
    path("api/v1/", include("recordings.api_urls")),
    path("api/v1/", include("retention.api_urls")),
    path("api/v1/", include("privacy.api_urls")),
    path("api/v1/", include("audit.api_urls")),
]

handler400 = "vault.access.refusals.bad_request"
handler403 = "vault.access.refusals.forbidden"
handler404 = "vault.access.refusals.not_found"
handler500 = "vault.access.refusals.broken"
handler429 = "vault.access.refusals.too_many"  # allauth's word for it
