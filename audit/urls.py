"""Addresses of the trail's pages."""

from django.urls import path

from audit import pages

app_name = "audit"
urlpatterns = [
    path("", pages.show_trail, name="trail"),
    path("recordings/<uuid:recording_id>/", pages.show_recording, name="recording"),
    path("people/<uuid:person_id>/", pages.show_person, name="person"),
    path("check/", pages.check_now, name="check"),
    path("check/state/", pages.show_check, name="check-state"),
    path("checkpoint/", pages.give_checkpoint, name="checkpoint"),
    path("verifier/", pages.give_verifier, name="verifier"),
    path("events/<uuid:event_id>/", pages.show_event, name="event"),
    path("events/<uuid:event_id>/inside/", pages.show_inside, name="inside"),
    path("events/<uuid:event_id>/proof/", pages.give_proof, name="proof"),
    path("exports/", pages.show_exports, name="exports"),
    path("exports/new/", pages.order_export, name="order"),
    path("exports/<uuid:export_id>/fetch/", pages.fetch_export, name="fetch"),
]
