# Who plays, and makes copies to play: unwraps the keys of audio, and nothing else.

path "transit/decrypt/audio-*" {
  capabilities = ["update"]
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
