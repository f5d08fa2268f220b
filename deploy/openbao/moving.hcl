# Who moves a recording to another month: unwraps a key of audio and wraps it again.

path "transit/decrypt/audio-*" {
  capabilities = ["update"]
}
path "transit/encrypt/audio-*" {
  capabilities = ["update"] # without "create", or a key that is missing would be made by wrapping
}

# What there is to know about a key; never the key itself.
path "transit/keys/+" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
