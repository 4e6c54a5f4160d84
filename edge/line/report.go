package line

import "winnow/edge"

// book changes the counters under the readers' lock.
func (m *Machine) book(change func(*edge.Counts, *Extra)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.counts, &m.extra)
}

// publish makes the state visible and tells OnChange of a new one.
func (m *Machine) publish() {
	m.checkLedger()
	state, reason := m.cond.state()
	st := Status{
		State: state, Reason: reason, Since: m.status.Since, Recipe: m.cfg.Recipe, Model: m.model,
		Stop: m.cond.has(holdLimit) || m.cond.has(holdAlarm), Armed: m.cond.armed(),
	}
	m.mu.Lock()
	changed := st != m.status
	if st.State != m.status.State || st.Reason != m.status.Reason || st.Since == 0 {
		st.Since = m.deps.Clock.Now()
	}
	m.status = st
	m.mu.Unlock()
	if changed && m.deps.OnChange != nil {
		m.deps.OnChange(st)
	}
}

// checkLedger stops a line that has lost count: its other figures cannot be
// trusted either.
func (m *Machine) checkLedger() {
	if !m.Counts().Balanced() || m.Open() != m.unsettled() {
		m.fail("the ledger does not balance; report this")
	}
}

func (m *Machine) unsettled() int {
	n := 0
	for i := range m.n {
		if !m.at(i).settled {
			n++
		}
	}
	return n
}

// Counts returns the ledger of the parts that have their verdict; it balances.
func (m *Machine) Counts() edge.Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts
	c.Triggers -= uint64(m.open)
	return c
}

// Extra returns the counters beside the ledger.
func (m *Machine) Extra() Extra {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.extra
}

// Status returns what the plant is told.
func (m *Machine) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// Open is the number of parts that have no verdict yet.
func (m *Machine) Open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// Latency returns the times from trigger to verdict since the start.
func (m *Machine) Latency() Histogram {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.times
}
