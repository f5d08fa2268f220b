"""Addresses of the pages of key-encryption keys, under /keys/."""

from django.urls import path

from recordings import key_pages

app_name = "keys"
urlpatterns = [
    path("", key_pages.list_keys, name="list"),
    path("<slug:name>/", key_pages.show_key, name="key"),
    path("<slug:name>/renew/", key_pages.renew_key, name="renew"),
    path("<slug:name>/retry/", key_pages.retry_work, name="retry"),
]
