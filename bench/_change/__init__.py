"""Something that changes, kept track of by the two audit packages that the trail is compared with."""
