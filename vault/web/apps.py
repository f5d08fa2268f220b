"""The look of the whole product: base template, components, styles, scripts."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """What every page shares."""

    name = "vault.web"
    label = "web"
