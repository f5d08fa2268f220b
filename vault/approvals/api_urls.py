"""Addresses of a second person in the API."""

from django.urls import path

from vault.approvals import api

app_name = "approvals-api"
urlpatterns = [
    path("approvals", api.Approvals.as_view(), name="approvals"),
    path("approvals/<uuid:approval_id>", api.OneApproval.as_view(), name="approval"),
    path("approvals/<uuid:approval_id>/decision", api.ApprovalDecision.as_view(), name="decision"),
]
