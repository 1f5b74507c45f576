//! The generated passwords of a run, as they are kept in the database: encrypted.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use repass_bulk::BulkError;
use repass_bulk::journal::SealedStore;

use super::{RunHandle, signed, unsigned};

/// Keeps the batches of one run.
#[derive(Debug)]
pub(super) struct PostgresSealedStore {
    handle: RunHandle,
    // Numbers that this process has taken and not used.
    numbers: Range<i64>,
}

impl PostgresSealedStore {
    // Each batch would wait for a commit of its number otherwise.
    const NUMBERS: i64 = 32;

    pub(super) fn new(handle: RunHandle) -> Self {
        Self {
            handle,
            numbers: 0..0,
        }
    }
}

impl SealedStore for PostgresSealedStore {
    fn next_batch(&mut self) -> Result<u64, BulkError> {
        if let Some(number) = self.numbers.next() {
            return Ok(unsigned(number));
        }
        let take = "UPDATE bulk_runs SET last_batch = last_batch + $2 WHERE id = $1 RETURNING last_batch";
        let values = vec![Box::new(self.handle.run) as _, Box::new(Self::NUMBERS) as _];
        let rows = self.handle.link.query_seals(take, values)?;
        let last: i64 = rows
            .first()
            .ok_or_else(|| BulkError::internal("the run is gone"))?
            .get(0);
        let first = last - Self::NUMBERS + 1;
        self.numbers = first + 1..last + 1;
        Ok(unsigned(first))
    }

    fn append(&mut self, batch: u64, sealed: &[u8]) -> Result<(), BulkError> {
        let insert = "INSERT INTO bulk_sealed VALUES ($1, $2, $3)";
        let values = vec![
            Box::new(self.handle.run) as _,
            Box::new(signed(batch)) as _,
            Box::new(sealed.to_vec()) as _,
        ];
        self.handle.link.query_seals(insert, values).map(drop)
    }
}

/// Reads the batches of one run, one after the other.
pub(super) struct SealedReader {
    handle: RunHandle,
    after: i64,
    rest: VecDeque<u8>,
}

impl SealedReader {
    pub(super) fn new(handle: RunHandle) -> Self {
        Self {
            handle,
            after: -1,
            rest: VecDeque::new(),
        }
    }
}

impl Read for SealedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let next =
                "SELECT batch, sealed FROM bulk_sealed WHERE run = $1 AND batch > $2 ORDER BY batch LIMIT 1";
            let values = vec![Box::new(self.handle.run) as _, Box::new(self.after) as _];
            let rows = self.handle.link.query(next, values).map_err(io::Error::other)?;
            if let Some(row) = rows.first() {
                self.after = row.get(0);
                self.rest.extend(row.get::<_, &[u8]>(1));
            }
        }
        self.rest.read(buffer)
    }
}
