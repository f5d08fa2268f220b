// A second opinion on the trail: Go's own sumdb/note and tlog read what the vault has written, unchanged.
//
//	check DIRECTORY          an unpacked export: signatures, every leaf, every proof, earlier checkpoints
//	check VKEY PROOF...      proofs of single events
//	check cosigned LOG WITNESS FILE    a checkpoint that a witness has cosigned (c2sp.org/tlog-cosignature)
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) == 2 {
		checkExport(os.Args[1])
	} else if os.Args[1] == "cosigned" {
		checkCosigned(os.Args[2], os.Args[3], read(os.Args[4]))
	} else {
		for _, path := range os.Args[2:] {
			checkProof(verifiers(os.Args[1]), read(path))
		}
	}
	fmt.Println("ok")
}

type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			// tlog-tiles allows a full tile in place of a partial one.
			full := tile
			full.W = 256
			path = strings.Replace(full.Path(), "tile/8/", "tile/", 1)
			if data, err = os.ReadFile(filepath.Join(t.folder, path)); err != nil {
				return nil, err
			}
			data = data[:tile.W*tlog.HashSize]
		}
		found = append(found, data)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func checkExport(folder string) {
	keys := verifiers(strings.TrimSpace(string(read(filepath.Join(folder, "keys.txt")))))
	tree := openCheckpoint(keys, read(filepath.Join(folder, "checkpoint")))
	hashes := tlog.TileHashReader(tree, tiles{folder})
	root, err := tlog.TreeHash(tree.N, hashes)
	must(err)
	if root != tree.Hash {
		fail("the tiles do not lead to the signed root")
	}
	lines := bytes.Split(bytes.TrimSuffix(read(filepath.Join(folder, "entries.jsonl")), []byte("\n")), []byte("\n"))
	for _, line := range lines {
		cut := bytes.LastIndex(line, []byte(`,"index":`))
		index, err := strconv.ParseInt(string(line[cut+9:len(line)-1]), 10, 64)
		must(err)
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(line[9:cut])))
	}
	earlier, err := filepath.Glob(filepath.Join(folder, "checkpoints", "*"))
	must(err)
	for _, path := range earlier {
		before := openCheckpoint(keys, read(path))
		proof, err := tlog.ProveTree(tree.N, before.N, hashes)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
	}
	fmt.Printf("%d entries, %d earlier checkpoints\n", len(lines), len(earlier))
}

func checkProof(keys note.Verifiers, text []byte) {
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a proof")
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	entry, _, _ := bytes.Cut(extra, []byte("\n"))
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	tree := openCheckpoint(keys, []byte(checkpoint))
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
}

// cosigner is a witness's key as sumdb/note takes one: its signatures say when, and cover that too.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(message, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, message)
	return ed25519.Verify(c.key, []byte(signed), signature[8:])
}

func checkCosigned(log, witness string, text []byte) {
	parts := strings.SplitN(witness, "+", 3)
	data, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	if len(data) != 1+ed25519.PublicKeySize || data[0] != 4 {
		fail("not the key of a witness")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), data...))
	hash := binary.BigEndian.Uint32(sum[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		fail("the key of the witness does not match its own id")
	}
	trusted, err := note.NewVerifier(log)
	must(err)
	opened, err := note.Open(text, note.VerifierList(trusted, cosigner{parts[0], hash, data[1:]}))
	must(err)
	if len(opened.Sigs) != 2 {
		fail("not signed by both")
	}
}

func openCheckpoint(keys note.Verifiers, text []byte) tlog.Tree {
	opened, err := note.Open(text, keys)
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

func verifiers(vkey string) note.Verifiers {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	return note.VerifierList(verifier)
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	must(err)
	return data
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
