//! Who used what: counts per caller, agent and class of operations, since the server started and in the last minute. What the Envoys
//! report is added up; an answer that was lost is counted again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{BucketKey, Counts, Limit, Micros, Report};

/// Rows remembered; the longest idle are forgotten first.
const MOST_ROWS: usize = 100_000;
/// Rows forgotten in one go, so that the search for the longest idle is not made for each new one.
const FORGOTTEN_AT_ONCE: usize = MOST_ROWS / 100;
/// The last minute's cells, seconds.
const MINUTE: u64 = 60;

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct UsageTable {
    rows: Arc<Mutex<HashMap<BucketKey, Row>>>,
}

/// What one bucket's requests came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whose requests to whom.
    pub key: BucketKey,
    /// The limit, as an Envoy said last; `None`: none.
    pub limit: Option<Limit>,
    /// Since the server started.
    pub total: Counts,
    /// In the last minute.
    pub last_minute: Counts,
    /// The last exchange with a request in it.
    pub last_seen: Micros,
}

#[derive(Debug)]
struct Row {
    limit: Option<Limit>,
    total: Counts,
    /// Seconds in which there was something, of the last minute, in order.
    cells: VecDeque<Cell>,
    last_seen: Micros,
}

/// What happened in one second. Small: there may be sixty to a row.
#[derive(Debug, Clone, Copy)]
struct Cell {
    second: u32,
    admitted: u32,
    refused: u32,
    shed: u32,
    unauthorized: u32,
}

impl UsageTable {
    /// Adds what was reported.
    pub fn count(&self, reports: &[Report], now: Micros) {
        let mut rows = self.lock();
        for report in reports.iter().filter(|report| report.counts != Counts::default()) {
            if let Some(row) = rows.get_mut(&report.key) {
                row.count(report, now);
                continue;
            }
            if rows.len() >= MOST_ROWS {
                forget_idle(&mut rows);
            }
            rows.entry(report.key.clone()).or_insert_with(|| Row::new(now)).count(report, now);
        }
    }

    /// Every row, by its key.
    #[must_use]
    pub fn rows(&self, now: Micros) -> Vec<Usage> {
        let mut all: Vec<Usage> = self.lock().iter().map(|(key, row)| row.usage(key, now)).collect();
        all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BucketKey, Row>> {
        self.rows.lock().expect("no holder of this lock panics")
    }
}

fn forget_idle(rows: &mut HashMap<BucketKey, Row>) {
    let mut seen: Vec<Micros> = rows.values().map(|row| row.last_seen).collect();
    let (_, last, _) = seen.select_nth_unstable(FORGOTTEN_AT_ONCE);
    let last = *last;
    let mut left = FORGOTTEN_AT_ONCE;
    rows.retain(|_, row| {
        let goes = left > 0 && row.last_seen <= last;
        left -= usize::from(goes);
        !goes
    });
}

impl Row {
    fn new(now: Micros) -> Self {
        Self { limit: None, total: Counts::default(), cells: VecDeque::new(), last_seen: now }
    }

    fn count(&mut self, report: &Report, now: Micros) {
        self.limit = report.limit;
        self.total.add(report.counts);
        self.last_seen = self.last_seen.max(now);
        let second = small(now.seconds());
        self.cells.retain(|cell| cell.is_of_the_minute_before(now));
        match self.cells.back_mut() {
            // Two exchanges may be counted in another order than their times were taken in.
            Some(last) if last.second >= second => last.add(report.counts),
            _ => {
                let mut cell = Cell { second, admitted: 0, refused: 0, shed: 0, unauthorized: 0 };
                cell.add(report.counts);
                self.cells.push_back(cell);
            }
        }
    }

    fn usage(&self, key: &BucketKey, now: Micros) -> Usage {
        let mut last_minute = Counts::default();
        let lately = self.cells.iter().filter(|cell| cell.is_of_the_minute_before(now));
        lately.for_each(|cell| last_minute.add(Counts::from(*cell)));
        let Self { limit, total, last_seen, .. } = self;
        Usage { key: key.clone(), limit: *limit, total: *total, last_minute, last_seen: *last_seen }
    }
}

impl Cell {
    fn is_of_the_minute_before(self, now: Micros) -> bool {
        u64::from(self.second) + MINUTE > now.seconds()
    }

    fn add(&mut self, more: Counts) {
        self.admitted = self.admitted.saturating_add(small(more.admitted));
        self.refused = self.refused.saturating_add(small(more.refused));
        self.shed = self.shed.saturating_add(small(more.shed));
        self.unauthorized = self.unauthorized.saturating_add(small(more.unauthorized));
    }
}

impl From<Cell> for Counts {
    fn from(cell: Cell) -> Self {
        Self {
            admitted: cell.admitted.into(),
            refused: cell.refused.into(),
            shed: cell.shed.into(),
            unauthorized: cell.unauthorized.into(),
        }
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Counts, FORGOTTEN_AT_ONCE, MOST_ROWS, Micros, Report, UsageTable};
    use crate::quota::simulation::{START, bucket, limit, report};

    fn after(seconds: u64) -> Micros {
        START.plus(Micros::from_seconds(seconds))
    }

    fn requests(client: &str, admitted: u64) -> Report {
        let counts = Counts { admitted, refused: 1, shed: 2, unauthorized: 1 };
        Report { key: bucket(client), counts, ..report(limit(60, 5), 0, 0, 0) }
    }

    #[track_caller]
    fn check(table: &UsageTable, now: Micros, total: u64, last_minute: u64) {
        let row = table.rows(now).remove(0);
        assert_eq!((row.total.admitted, row.last_minute.admitted), (total, last_minute));
    }

    #[test]
    fn the_last_minute_ends_and_the_total_does_not() {
        let table = UsageTable::default();
        table.count(&[requests("c", 5)], after(0));
        table.count(&[requests("c", 7)], after(30));
        check(&table, after(59), 12, 12);
        check(&table, after(60), 12, 7);
        table.count(&[requests("c", 1)], after(89));
        check(&table, after(89), 13, 8);
        check(&table, after(90), 13, 1);
        check(&table, after(400), 13, 0);
    }

    #[test]
    fn a_report_without_requests_is_no_use() {
        let table = UsageTable::default();
        table.count(&[report(limit(60, 5), 1, 0, 0)], START);
        assert_eq!(table.rows(START), []);
    }

    #[test]
    fn the_longest_idle_rows_are_forgotten_first() {
        let table = UsageTable::default();
        let reports: Vec<Report> = (0..MOST_ROWS).map(|at| requests(&at.to_string(), 1)).collect();
        table.count(&reports[..5], after(9));
        table.count(&reports[5..], after(5));
        table.count(&reports[MOST_ROWS - 5..], after(9));
        table.count(&[requests("new", 1)], after(10));
        let rows = table.rows(after(10));
        assert_eq!(rows.len(), MOST_ROWS - FORGOTTEN_AT_ONCE + 1);
        let busy = reports[..5].iter().chain(&reports[MOST_ROWS - 5..]);
        assert!(busy.into_iter().all(|report| rows.iter().any(|row| row.key == report.key)));
    }
}
