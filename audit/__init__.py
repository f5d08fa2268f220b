"""What happened, provably: actions, the one writer, the Merkle tree, checkpoints, proofs, export, verifier."""
