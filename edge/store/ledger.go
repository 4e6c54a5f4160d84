package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"winnow/edge"
)

// Page of the ledger: what one boot of the station counted in one shift with
// one recipe.
type Page struct {
	Shift  time.Time   `json:"shift"` // when it began, UTC; zero: the clock was not set
	Recipe string      `json:"recipe"`
	Boot   string      `json:"boot"`
	Open   bool        `json:"open"` // the boot did not end by itself, or still runs
	Counts edge.Counts `json:"counts"`
}

// Ledger keeps pages. What Write has done survives a power cut. It is safe for
// concurrent use.
type Ledger struct {
	db      *sql.DB
	damaged string
}

const ledgerSchema = `
CREATE TABLE IF NOT EXISTS ledger (
	shift TEXT NOT NULL, recipe TEXT NOT NULL, boot TEXT NOT NULL, open INTEGER NOT NULL,
	triggers INTEGER NOT NULL, accept INTEGER NOT NULL, reject INTEGER NOT NULL, unsure INTEGER NOT NULL,
	no_result INTEGER NOT NULL, confirmed INTEGER NOT NULL, late INTEGER NOT NULL, dropped INTEGER NOT NULL,
	PRIMARY KEY (shift, recipe, boot));
CREATE TABLE IF NOT EXISTS challenge (at TEXT NOT NULL, recipe TEXT NOT NULL, boot TEXT NOT NULL, caught INTEGER NOT NULL, n INTEGER NOT NULL);`

// Columns that ledgers of earlier versions lack.
const (
	challengeModel  = `ALTER TABLE challenge ADD COLUMN model TEXT NOT NULL DEFAULT ''`
	challengeFailed = `ALTER TABLE challenge ADD COLUMN failed INTEGER NOT NULL DEFAULT 0`
)

// OpenLedger opens or makes the database at path. One that is damaged is put
// aside as path.damaged (.damaged.2, .damaged.3), and an empty one takes its place: see Damaged.
func OpenLedger(path string) (*Ledger, error) {
	l, aside, err := putAside(path, openLedger)
	if err == nil {
		l.damaged = aside
	}
	return l, err
}

func openLedger(path string) (*Ledger, error) {
	db, err := OpenDB(path)
	if err != nil {
		return nil, err
	}
	_, err = db.Exec(ledgerSchema)
	if err == nil {
		err = addColumn(db, "challenge", "model", challengeModel)
	}
	if err == nil {
		err = addColumn(db, "challenge", "failed", challengeFailed)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return &Ledger{db: db}, nil
}

// addColumn carries out ddl, which adds a column to a table, if it is not there.
func addColumn(db *sql.DB, table, column, ddl string) error {
	var n int
	err := db.QueryRow(`SELECT COUNT(*) FROM pragma_table_info(?) WHERE name = ?`, table, column).Scan(&n)
	if err == nil && n == 0 {
		_, err = db.Exec(ddl)
	}
	return err
}

// Damaged is where a damaged database was put aside; "" if there was none.
func (l *Ledger) Damaged() string { return l.damaged }

// Close closes the database.
func (l *Ledger) Close() error { return l.db.Close() }

// Write puts p in the place of what its shift, recipe and boot had before.
func (l *Ledger) Write(ctx context.Context, p Page) error {
	c := p.Counts
	_, err := l.db.ExecContext(ctx, `INSERT OR REPLACE INTO ledger VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		p.Shift.UTC().Format(time.RFC3339), p.Recipe, p.Boot, p.Open,
		int64(c.Triggers), int64(c.Accept), int64(c.Reject), int64(c.Unsure), int64(c.NoResult), int64(c.Confirmed), int64(c.Late), int64(c.Dropped))
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// Pages returns the latest n pages, newest shift first.
func (l *Ledger) Pages(ctx context.Context, n int) ([]Page, error) {
	return l.pages(ctx, `SELECT * FROM ledger ORDER BY shift DESC, rowid DESC LIMIT ?`, n)
}

// OpenPages returns every page of a boot that did not end by itself, or still
// runs, however old its shift is by a clock that may have been wrong.
func (l *Ledger) OpenPages(ctx context.Context) ([]Page, error) {
	return l.pages(ctx, `SELECT * FROM ledger WHERE open ORDER BY shift DESC, rowid DESC`)
}

func (l *Ledger) pages(ctx context.Context, query string, args ...any) ([]Page, error) {
	rows, err := l.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer rows.Close()
	all := []Page{}
	for rows.Next() {
		var p Page
		var shift string
		c := &p.Counts
		if err := rows.Scan(&shift, &p.Recipe, &p.Boot, &p.Open,
			&c.Triggers, &c.Accept, &c.Reject, &c.Unsure, &c.NoResult, &c.Confirmed, &c.Late, &c.Dropped); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		if p.Shift, err = time.Parse(time.RFC3339, shift); err != nil {
			return nil, fmt.Errorf("ledger: shift %q: %w", shift, err)
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// Proved says what known-bad parts prove something of: a model proves nothing of
// the one after it.
type Proved struct {
	Recipe string
	Model  string // digest of its package
}

// Challenged is what challenges have come to.
type Challenged struct {
	Caught, N uint64 // so many of N known-bad parts were rejected
	Failed    bool   // one was not, and no challenge was passed since
}

// Challenge notes the known-bad parts that had their verdicts at an instant, and how the
// challenges stand after them.
func (l *Ledger) Challenge(ctx context.Context, at time.Time, of Proved, boot string, c Challenged) error {
	_, err := l.db.ExecContext(ctx, `INSERT INTO challenge (at, recipe, model, boot, caught, n, failed) VALUES (?,?,?,?,?,?,?)`,
		at.UTC().Format(time.RFC3339), of.Recipe, of.Model, boot, int64(c.Caught), int64(c.N), c.Failed)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// Challenges sums up what the challenges of a recipe and its model have come to.
func (l *Ledger) Challenges(ctx context.Context, of Proved) (c Challenged, err error) {
	row := l.db.QueryRowContext(ctx, `WITH mine AS (SELECT rowid AS turn, caught, n, failed FROM challenge WHERE recipe = ? AND model = ?)
		SELECT COALESCE(SUM(caught),0), COALESCE(SUM(n),0), COALESCE((SELECT failed FROM mine ORDER BY turn DESC LIMIT 1),0) FROM mine`, of.Recipe, of.Model)
	if err := row.Scan(&c.Caught, &c.N, &c.Failed); err != nil {
		return Challenged{}, fmt.Errorf("ledger: %w", err)
	}
	return c, nil
}
