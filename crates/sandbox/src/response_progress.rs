//! How much of an HTTP/1 response has been sent, judged by its bytes.

/// Where a response is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutOffset {
    /// Before its first byte.
    Start,
    /// In the middle of the status line.
    StatusLine,
    /// After the head.
    Head,
    /// After this many bytes of the body.
    Body(usize),
}

/// Bytes of `HTTP/1.1 20`.
const HALF_A_STATUS_LINE: usize = 11;

/// Counts the bytes of one response. Over HTTP/2 only [`CutOffset::Start`] has a meaning.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseProgress {
    bytes: usize,
    /// How much of the blank line that ends the head has been sent.
    blank: usize,
    body: usize,
}

impl ResponseProgress {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.feed_byte(*byte);
        }
    }

    fn feed_byte(&mut self, byte: u8) {
        const BLANK: [u8; 4] = *b"\r\n\r\n";
        self.bytes += 1;
        if self.blank == BLANK.len() {
            self.body += 1;
        } else if byte == BLANK[self.blank] {
            self.blank += 1;
        } else {
            self.blank = usize::from(byte == BLANK[0]);
        }
    }

    pub(crate) fn reached(&self, offset: CutOffset) -> bool {
        match offset {
            CutOffset::Start => true,
            CutOffset::StatusLine => self.bytes >= HALF_A_STATUS_LINE,
            CutOffset::Head => self.blank == 4,
            CutOffset::Body(bytes) => self.blank == 4 && self.body >= bytes,
        }
    }

    /// How many of these bytes may be sent before the cut.
    pub(crate) fn allowed(&self, bytes: &[u8], offset: CutOffset) -> usize {
        let mut trial = self.clone();
        for (at, byte) in bytes.iter().enumerate() {
            if trial.reached(offset) {
                return at;
            }
            trial.feed_byte(*byte);
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody";

    #[test]
    fn cut_offset_does_not_depend_on_how_the_response_is_written() {
        let rows = [
            (CutOffset::Start, 0),
            (CutOffset::StatusLine, 11),
            (CutOffset::Head, 25),
            (CutOffset::Body(2), 27),
        ];
        for (offset, allowed) in rows {
            assert_eq!(
                ResponseProgress::default().allowed(RESPONSE, offset),
                allowed,
                "{offset:?}"
            );
            for chunk in 1..7 {
                let mut progress = ResponseProgress::default();
                let mut sent = 0;
                for piece in RESPONSE.chunks(chunk) {
                    let count = progress.allowed(piece, offset);
                    progress.feed(&piece[..count]);
                    sent += count;
                    if count < piece.len() {
                        break;
                    }
                }
                assert_eq!(sent, allowed, "{offset:?} in pieces of {chunk}");
                assert!(progress.reached(offset));
            }
        }
    }
}
