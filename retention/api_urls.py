"""Addresses of retention in the API."""

from django.urls import path

from retention import api

app_name = "retention-api"
urlpatterns = [
    path("recordings/<uuid:recording_id>/erasure", api.RecordingErasure.as_view(), name="erasure"),
    path("recordings/<uuid:recording_id>/erasure/proof", api.ErasureProof.as_view(), name="proof"),
    path(
        "recordings/<uuid:recording_id>/restriction", api.RecordingRestriction.as_view(), name="restriction"
    ),
    path("recordings/<uuid:recording_id>/freeze", api.RecordingFreeze.as_view(), name="freeze"),
    path("holds", api.Holds.as_view(), name="holds"),
    path("holds/<uuid:hold_id>/release", api.HoldRelease.as_view(), name="hold-release"),
    path("policies", api.Policies.as_view(), name="policies"),
    path("policies/<uuid:policy_id>", api.Policy.as_view(), name="policy"),
    path("policies/<uuid:policy_id>/retire", api.PolicyRetirement.as_view(), name="policy-retire"),
]
