# Who makes keys and new versions, and re-wraps: never sees what is wrapped, cannot destroy, cannot export.

path "transit/keys/+" {
  capabilities = ["create", "read", "update"]
  allowed_parameters = {
    "type"                   = ["aes256-gcm96"]
    "derived"                = [true]
    "exportable"             = [false]
    "allow_plaintext_backup" = [false]
  }
}
path "transit/keys" {
  capabilities = ["list"]
}
path "transit/keys/+/rotate" {
  capabilities = ["update"]
}
path "transit/rewrap/+" {
  capabilities = ["update"]
}

# The names of keys that were destroyed; only who destroys leaves one.
path "transit/keys/destroyed.*" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
