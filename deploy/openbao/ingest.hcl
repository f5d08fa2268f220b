# Who takes calls in: wraps any key, unwraps the local masters, cannot open the key of any audio.

path "transit/encrypt/+" {
  capabilities = ["update"] # without "create", or a key that is missing would be made by wrapping
}
path "transit/decrypt/+" {
  capabilities = ["update"]
}
path "transit/decrypt/audio-*" {
  capabilities = ["deny"]
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
