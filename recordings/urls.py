"""Addresses of the recordings pages."""

from django.urls import path

from recordings import pages

app_name = "recordings"
urlpatterns = [
    path("", pages.show_list, name="list"),
    path("<uuid:recording_id>/", pages.show_recording, name="detail"),
    path("<uuid:recording_id>/listen/", pages.listen, name="listen"),
    path("<uuid:recording_id>/stop/", pages.stop_listening, name="stop"),
    path("<uuid:recording_id>/lawful-bases/", pages.record_basis, name="bases"),
]
