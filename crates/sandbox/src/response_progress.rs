//! How far an answer has got, judged by the bytes that go out.

/// Up to where an answer is let out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutOffset {
    /// Not at all.
    Nothing,
    /// To the middle of the status line or header frame.
    StatusLine,
    /// To the end of the head.
    Head,
    /// Behind the head, so many bytes of the body.
    Body(usize),
}

/// Follows the bytes of a connection.
#[derive(Debug, Clone)]
pub(crate) enum ResponseProgress {
    /// Nothing has been written yet.
    Fresh,
    Http1(Http1),
    Http2(Http2),
}

impl ResponseProgress {
    /// From here on, what is counted is the next answer.
    pub(crate) fn start_answer(&mut self) {
        match self {
            Self::Fresh => {}
            Self::Http1(answer) => *answer = Http1::default(),
            Self::Http2(frames) => frames.start_answer(),
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.feed_byte(*byte);
        }
    }

    /// A server's first byte tells: a status line begins with `H`, a SETTINGS frame with a length.
    fn feed_byte(&mut self, byte: u8) {
        if matches!(self, Self::Fresh) {
            *self = if byte == b'H' {
                Self::Http1(Http1::default())
            } else {
                Self::Http2(Http2::counting())
            };
        }
        match self {
            Self::Fresh => {}
            Self::Http1(answer) => answer.feed(byte),
            Self::Http2(frames) => frames.feed(byte),
        }
    }

    /// Whether the answer has got there.
    pub(crate) fn reached(&self, until: CutOffset) -> bool {
        match self {
            Self::Fresh => until == CutOffset::Nothing,
            Self::Http1(answer) => answer.reached(until),
            Self::Http2(frames) => frames.reached(until),
        }
    }

    /// How many of these bytes may still go out.
    pub(crate) fn allowed(&self, bytes: &[u8], until: CutOffset) -> usize {
        let mut trial = self.clone();
        for (at, byte) in bytes.iter().enumerate() {
            if trial.reached(until) {
                return at;
            }
            trial.feed_byte(*byte);
        }
        bytes.len()
    }
}

/// Bytes of `HTTP/1.1 20`.
const HALF_A_STATUS_LINE: usize = 11;

/// One answer of HTTP/1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Http1 {
    bytes: usize,
    /// How much of the blank line that ends the head has been seen.
    blank: usize,
    body: usize,
}

impl Http1 {
    fn feed(&mut self, byte: u8) {
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

    fn reached(&self, until: CutOffset) -> bool {
        match until {
            CutOffset::Nothing => true,
            CutOffset::StatusLine => self.bytes >= HALF_A_STATUS_LINE,
            CutOffset::Head => self.blank == 4,
            CutOffset::Body(bytes) => self.blank == 4 && self.body >= bytes,
        }
    }
}

const FRAME_HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// The frames of an HTTP/2 connection. The answer is taken to be the first one whose header frame begins after
/// [`start_answer`](Self::start_answer).
#[derive(Debug, Clone, Default)]
pub(crate) struct Http2 {
    header: [u8; FRAME_HEADER],
    header_bytes: usize,
    payload: usize,
    payload_bytes: usize,
    /// Whether the current frame began after the start of the answer.
    counts: bool,
    stage: Stage,
    /// Whose answer it is, once its header frame has begun.
    stream: [u8; 4],
    body: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Waiting,
    HalfAHead,
    Head,
    End,
}

impl Http2 {
    fn counting() -> Self {
        Self {
            counts: true,
            ..Self::default()
        }
    }

    fn start_answer(&mut self) {
        let between_frames = self.header_bytes == 0;
        *self = Self {
            counts: between_frames,
            stage: Stage::Waiting,
            body: 0,
            ..*self
        };
    }

    fn feed(&mut self, byte: u8) {
        if self.header_bytes < FRAME_HEADER {
            self.header[self.header_bytes] = byte;
            self.header_bytes += 1;
            if self.header_bytes == FRAME_HEADER {
                let [high, middle, low, ..] = self.header;
                self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.payload_bytes = 0;
            }
        } else {
            self.payload_bytes += 1;
        }
        if self.header_bytes < FRAME_HEADER {
            return;
        }
        let complete = self.payload_bytes == self.payload;
        let [_, _, _, kind, flags, stream @ ..] = self.header;
        if self.counts && kind == HEADERS && self.stage < Stage::Head {
            self.stream = stream;
            if complete {
                self.stage = Stage::Head;
            } else if self.payload_bytes >= self.payload / 2 {
                self.stage = Stage::HalfAHead;
            }
        }
        let is_ours = self.stage >= Stage::Head && stream == self.stream;
        if is_ours && kind == DATA && self.payload_bytes > 0 {
            self.body += 1;
        }
        if complete {
            if is_ours && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                self.stage = Stage::End;
            }
            self.header_bytes = 0;
            self.counts = true;
        }
    }

    fn reached(&self, until: CutOffset) -> bool {
        match until {
            CutOffset::Nothing => true,
            CutOffset::StatusLine => self.stage >= Stage::HalfAHead,
            CutOffset::Head => self.stage >= Stage::Head,
            CutOffset::Body(bytes) => {
                self.stage == Stage::End || self.stage == Stage::Head && self.body >= bytes
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP1: &[u8] = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody";
    /// SETTINGS; HEADERS of 4 bytes; SETTINGS; DATA of 6 bytes that ends the stream.
    const HTTP2: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x01\x04\0\0\0\x01abcd\0\0\0\x04\x01\0\0\0\0\0\0\x06\0\x01\0\0\0\x01efghij";

    #[test]
    fn allows_what_comes_before_the_cut_however_it_is_written() {
        let rows = [
            (HTTP1, CutOffset::Nothing, 0),
            (HTTP1, CutOffset::StatusLine, 11),
            (HTTP1, CutOffset::Head, 25),
            (HTTP1, CutOffset::Body(2), 27),
            (HTTP2, CutOffset::Nothing, 0),
            (HTTP2, CutOffset::StatusLine, 20),
            (HTTP2, CutOffset::Head, 22),
            (HTTP2, CutOffset::Body(3), 43),
            (HTTP2, CutOffset::Body(9), 46),
        ];
        for (bytes, until, allowed) in rows {
            assert_eq!(
                ResponseProgress::Fresh.allowed(bytes, until),
                allowed,
                "{until:?}"
            );
            for chunk in 1..7 {
                let mut progress = ResponseProgress::Fresh;
                let mut out = 0;
                for piece in bytes.chunks(chunk) {
                    let count = progress.allowed(piece, until);
                    progress.feed(&piece[..count]);
                    out += count;
                    if count < piece.len() {
                        break;
                    }
                }
                assert_eq!(out, allowed, "{until:?} in pieces of {chunk}");
                assert!(progress.reached(until) || out == bytes.len());
            }
        }
    }

    #[test]
    fn an_answer_that_was_under_way_does_not_count() {
        let mut progress = ResponseProgress::Fresh;
        progress.feed(HTTP1);
        progress.start_answer();
        assert!(!progress.reached(CutOffset::StatusLine));
        assert_eq!(progress.allowed(HTTP1, CutOffset::Head), 25);

        let mut progress = ResponseProgress::Fresh;
        progress.feed(&HTTP2[..20]);
        progress.start_answer();
        assert_eq!(
            progress.allowed(&[&HTTP2[20..], &HTTP2[9..]].concat(), CutOffset::Head),
            26 + 13
        );
    }

    #[test]
    fn the_body_of_another_stream_does_not_count() {
        let mut other = HTTP2[31..].to_vec();
        other[8] = 3;
        let mut progress = ResponseProgress::Fresh;
        progress.feed(&HTTP2[..31]);
        assert_eq!(
            progress.allowed(&[&other, &HTTP2[31..]].concat(), CutOffset::Body(3)),
            15 + 12
        );
    }
}
