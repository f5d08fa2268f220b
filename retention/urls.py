"""Addresses of the pages of retention, under /retention/."""

from django.urls import path

from retention import pages, policy_pages

app_name = "retention"
urlpatterns = [
    path("", pages.overview, name="overview"),
    path("clock/", pages.confirm_time, name="confirm-time"),
    path("recordings/", pages.list_recordings, name="recordings"),
    path("recordings/<uuid:recording_id>/", pages.show_recording, name="recording"),
    path("recordings/<uuid:recording_id>/hold/", pages.place_hold, name="place-hold"),
    path("recordings/<uuid:recording_id>/erase/", pages.erase, name="erase"),
    path("recordings/<uuid:recording_id>/proof/", pages.download_proof, name="proof"),
    path("policies/", policy_pages.list_policies, name="policies"),
    path("policies/new/", policy_pages.new_policy, name="policy-new"),
    path("policies/<uuid:policy_id>/", policy_pages.show_policy, name="policy"),
    path("policies/<uuid:policy_id>/change/", policy_pages.change_policy, name="policy-change"),
    path("policies/<uuid:policy_id>/retire/", policy_pages.retire_policy, name="policy-retire"),
    path("holds/", pages.list_holds, name="holds"),
    path("holds/new/", pages.new_hold, name="hold-new"),
    path("holds/<uuid:hold_id>/release/", pages.release_hold, name="hold-release"),
    path("erasures/", pages.list_erasures, name="erasures"),
    path("erasures/<uuid:erasure_id>/retry/", pages.retry, name="retry"),
]
