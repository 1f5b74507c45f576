//! The generated passwords of a run, as they are kept in the database: encrypted.

use std::collections::VecDeque;
use std::io::{self, Read};

use repass_bulk::BulkError;
use repass_bulk::journal::SealedStore;

use super::{RunHandle, signed, unsigned};

/// Keeps the batches of one run.
#[derive(Debug)]
pub(super) struct PostgresSealedStore(pub(super) RunHandle);

impl SealedStore for PostgresSealedStore {
    fn next_batch(&mut self) -> Result<u64, BulkError> {
        // One at a time: of two passwords of a row, the one in the later batch was sent later.
        let next = "UPDATE bulk_runs SET last_batch = last_batch + 1 WHERE id = $1 RETURNING last_batch";
        let rows = self.0.link.query_seals(next, vec![Box::new(self.0.run)])?;
        let row = rows
            .first()
            .ok_or_else(|| BulkError::internal("the run is gone"))?;
        Ok(unsigned(row.get(0)))
    }

    fn append(&mut self, batch: u64, sealed: &[u8]) -> Result<(), BulkError> {
        let insert = "INSERT INTO bulk_sealed VALUES ($1, $2, $3)";
        let values = vec![
            Box::new(self.0.run) as _,
            Box::new(signed(batch)) as _,
            Box::new(sealed.to_vec()) as _,
        ];
        self.0.link.query_seals(insert, values).map(drop)
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
