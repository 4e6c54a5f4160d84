package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // registers its driver too
)

// settings of every database: a write-ahead log that is synced at each commit,
// so that what was committed survives a power cut.
var settings = [...]string{"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)"}

// ErrDamaged says that a file is no healthy database.
var ErrDamaged = errors.New("damaged")

// OpenDB opens or makes a SQLite database with one connection, hence one
// writer; more are settings of this one. A file that is no healthy database is
// an error that wraps ErrDamaged.
func OpenDB(path string, more ...string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	query := url.Values{}
	for _, s := range append(settings[:], more...) {
		query.Add("_pragma", s)
	}
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if err := healthy(db); err != nil {
		db.Close()
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return db, nil
}

// asides is how many damaged databases of one path are kept; what is damaged then takes
// the place of the latest.
const asides = 3

// putAside opens the database at path. One that is damaged is renamed to aside
// and an empty one takes its place.
func putAside[T any](path string, open func(string) (T, error)) (o T, aside string, err error) {
	o, err = open(path)
	if !errors.Is(err, ErrDamaged) {
		return o, "", err
	}
	aside = freeAside(path)
	if rename := os.Rename(path, aside); rename != nil {
		return o, "", errors.Join(err, rename)
	}
	os.Remove(path + "-wal") // they belong to the damaged file
	os.Remove(path + "-shm")
	o, err = open(path)
	return o, aside, err
}

// freeAside is path.damaged, or path.damaged.2 where that is taken, and so on.
func freeAside(path string) string {
	aside := path + ".damaged"
	for i := 2; i <= asides; i++ {
		if _, err := os.Lstat(aside); errors.Is(err, os.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s.damaged.%d", path, i)
	}
	return aside
}

func healthy(db *sql.DB) error {
	var verdict string
	if err := db.QueryRow("PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		var e *sqlite.Error
		if errors.As(err, &e) && (e.Code()&0xff == codeCorrupt || e.Code()&0xff == codeNotADB) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	return nil
}

// Primary result codes of SQLite (sqlite.org/rescode.html).
const (
	codeCorrupt = 11
	codeNotADB  = 26
)
