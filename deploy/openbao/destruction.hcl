# Who destroys keys and their old versions: wraps nothing, unwraps nothing, and makes no key exportable.

path "transit/keys/+" {
  capabilities = ["read", "delete"]
}
path "transit/keys/+/config" {
  capabilities = ["update"]
  allowed_parameters = {
    "deletion_allowed"       = [true]
    "min_decryption_version" = []
    "min_encryption_version" = []
  }
}
path "transit/keys/+/trim" {
  capabilities = ["update"]
}

# The names of keys that were destroyed stay for ever.
path "transit/keys/destroyed.*" {
  capabilities = ["create", "read", "update"]
  allowed_parameters = {
    "type"                   = ["aes256-gcm96"]
    "derived"                = [true]
    "exportable"             = [false]
    "allow_plaintext_backup" = [false]
  }
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
