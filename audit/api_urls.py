"""Addresses of the trail's API."""

from django.urls import path

from audit import api

app_name = "audit-api"
urlpatterns = [
    path("audit/events", api.Events.as_view(), name="events"),
    path("audit/events/search", api.EventSearch.as_view(), name="search"),
    path("audit/events/<uuid:event_id>/proof", api.EventProof.as_view(), name="proof"),
    path("audit/checkpoint", api.NewestCheckpoint.as_view(), name="checkpoint"),
    path("audit/checks", api.Checks.as_view(), name="checks"),
    path("audit/checks/<uuid:check_id>", api.OneCheck.as_view(), name="check"),
    path("audit/exports", api.Exports.as_view(), name="exports"),
    path("audit/exports/<uuid:export_id>", api.OneExport.as_view(), name="export"),
    path("audit/exports/<uuid:export_id>/package", api.ExportPackage.as_view(), name="package"),
]
