//! A reader with a buffer that is wiped.

use std::io::{self, Read};

use zeroize::Zeroizing;

const CHUNK: usize = 64 * 1024;

/// Reads a source in chunks into one buffer, which is wiped on drop. No other buffer is between it and the source.
pub(super) struct WipedReader<R> {
    source: R,
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<R: Read> WipedReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            buffer: Zeroizing::new(vec![0; CHUNK]),
            start: 0,
            end: 0,
            ended: false,
        }
    }

    /// The buffered bytes, after reading if there are none; empty at the end of the source.
    pub(super) fn filled(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.ended {
            self.start = 0;
            self.end = 0;
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Marks bytes as used.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads until the buffered bytes are `enough`, the source ends or the buffer is full. Only at the start of a source.
    pub(super) fn peek(&mut self, enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        while !enough(&self.buffer[self.start..self.end]) && !self.ended && self.end < self.buffer.len() {
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn read_more(&mut self) -> io::Result<()> {
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    self.ended = read == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
