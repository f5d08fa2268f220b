"""Addresses of recordings in the API."""

from django.urls import path

from recordings import api

app_name = "recordings-api"
urlpatterns = [
    path("recordings", api.Recordings.as_view(), name="recordings"),
    path("recordings/search", api.RecordingSearch.as_view(), name="search"),
    path("recordings/<uuid:recording_id>", api.RecordingItem.as_view(), name="recording"),
    path("recordings/<uuid:recording_id>/audio", api.RecordingAudio.as_view(), name="audio"),
    path(
        "recordings/<uuid:recording_id>/lawful-bases", api.RecordingLawfulBases.as_view(), name="lawful-bases"
    ),
    path("recordings/<uuid:recording_id>/grants", api.RecordingGrants.as_view(), name="grants"),
    path("purposes", api.Purposes.as_view(), name="purposes"),
    path("grants/<str:token>", api.Grant.as_view(), name="grant"),
    path("grants/<str:token>/audio", api.GrantAudio.as_view(), name="grant-audio"),
    path("grants/<str:token>/waveform", api.GrantWaveform.as_view(), name="grant-waveform"),
]
