package station

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/health"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/telemetry"
	"winnow/telemetry/metrics"
)

// runHTTP serves status, metrics and commands, if the configuration says where.
func (s *Station) runHTTP(ctx context.Context) {
	if s.cfg.HTTP.Listen == "" {
		return
	}
	s.serve(ctx, "http", "choose a free address for http.listen, and a token_file that this program may write", s.listen)
}

// listen serves until ctx ends.
func (s *Station) listen(ctx context.Context) error {
	token, err := readToken(s.cfg.HTTP.TokenFile)
	if err != nil {
		return err
	}
	h, err := s.pages(token)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.HTTP.Listen)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	s.health.Clear("http")
	s.log.Info("serving", "address", "http://"+l.Addr().String())
	end := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer end()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return ctx.Err()
}

// readToken reads the token that commands need; a file that is not there is made.
func readToken(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var secret [16]byte
		_, _ = rand.Read(secret[:]) // never fails: crypto/rand
		b = []byte(hex.EncodeToString(secret[:]) + "\n")
		err = store.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("http.token_file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 16 {
		return "", fmt.Errorf("http.token_file: %s holds %d characters; delete it to have a token made, or write 16 or more", path, len(token))
	}
	return token, nil
}

// pages routes requests.
func (s *Station) pages(token string) (http.Handler, error) {
	scrape, err := metrics.Handler(s.figures, map[string]string{"site": s.cfg.Device.Site, "line": s.cfg.Device.Line, "device": s.cfg.Device.ID})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.status()) })
	mux.HandleFunc("GET /curve", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, s.curve.Points(s.cfg.Recipe.RejectCost))
	})
	mux.HandleFunc("GET /ledger", s.showLedger)
	mux.HandleFunc("GET /parts", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Parts()) })
	mux.Handle("GET /metrics", scrape)
	mux.HandleFunc("POST /cmd/{verb}", func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			reply(w, http.StatusUnauthorized, answer{Result: telemetry.ResultRefused, Reason: "give the token of http.token_file: Authorization: Bearer TOKEN"})
			return
		}
		s.command(w, r)
	})
	return onlyLocal(mux), nil
}

// onlyLocal refuses requests under another name than this machine's own, as a
// page of somebody else's in a browser here would send them.
func onlyLocal(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			reply(w, http.StatusForbidden, answer{Result: telemetry.ResultRefused, Reason: "this address serves its own machine only"})
			return
		}
		h.ServeHTTP(w, r)
	})
}

// answer to a command.
type answer struct {
	Request string           `json:"request,omitempty"`
	Result  telemetry.Result `json:"result"`
	Reason  string           `json:"reason,omitempty"`
}

// command carries out one command: the payload is that of cmd/<verb> over MQTT,
// or nothing, for whoever types it and needs neither expiry nor arguments.
func (s *Station) command(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, telemetry.MaxCommandBytes))
	if err != nil {
		reply(w, http.StatusRequestEntityTooLarge, answer{Result: telemetry.ResultRefused, Reason: err.Error()})
		return
	}
	cmd := telemetry.Command{Verb: r.PathValue("verb"), ID: "http"}
	if len(body) > 0 {
		if cmd, err = s.gate.Admit(r.PathValue("verb"), body); err != nil {
			reply(w, http.StatusConflict, answer{cmd.ID, telemetry.ResultRefused, err.Error()})
			return
		}
	}
	switch err := s.obey(r.Context(), cmd); {
	case err == nil:
		reply(w, http.StatusOK, answer{Request: cmd.ID, Result: telemetry.ResultDone})
	case errors.Is(err, telemetry.ErrRefused):
		reply(w, http.StatusConflict, answer{cmd.ID, telemetry.ResultRefused, err.Error()})
	default:
		reply(w, http.StatusInternalServerError, answer{cmd.ID, telemetry.ResultFailed, err.Error()})
	}
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client has gone
}

// Status is what GET /status shows.
type Status struct {
	Line      line.Status      `json:"line"`
	Mode      config.Mode      `json:"mode"`
	Counts    edge.Counts      `json:"counts"`
	Extra     line.Extra       `json:"extra"`
	Missed    uint64           `json:"missed_triggers"`
	TooSoon   uint64           `json:"triggers_too_soon"` // taken for the part before
	Problems  []health.Problem `json:"problems"`
	Challenge Challenge        `json:"challenge"`
	Connected bool             `json:"broker_connected"`
}

func (s *Station) status() Status {
	s.modes.mu.Lock()
	mode := s.modes.mode
	s.modes.mu.Unlock()
	return Status{
		Line: s.line.Status(), Mode: mode, Counts: s.line.Counts(), Extra: s.line.Extra(), Missed: s.line.MissedTriggers(), TooSoon: s.triggers.tooSoon.Load(),
		Problems: s.health.Problems(), Challenge: s.Challenge(), Connected: s.teller.client.Stats().Connected,
	}
}

// ledgerShown is how many pages GET /ledger shows.
const ledgerShown = 100

func (s *Station) showLedger(w http.ResponseWriter, r *http.Request) {
	pages, err := s.keeper.db.Pages(r.Context(), ledgerShown)
	if err != nil {
		reply(w, http.StatusInternalServerError, answer{Result: telemetry.ResultFailed, Reason: err.Error()})
		return
	}
	reply(w, http.StatusOK, pages)
}
