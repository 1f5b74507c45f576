//! Reading secret bytes into memory that is wiped.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// Reads a secret to the end of `source`, or returns `None` if that is more than `limit` bytes.
///
/// The buffer has its full size from the start, because one that grows leaves its outgrown copies behind
/// unwiped; for the same reason `source` should not buffer.
///
/// # Errors
/// Reading failed.
pub fn read_at_most(source: &mut impl Read, limit: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut buffer = Zeroizing::new(vec![0; limit + 1]);
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => {
                buffer.truncate(length);
                return Ok(Some(buffer));
            }
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Strips one newline from the end of the bytes, be it LF or CR LF. Everything else stays, a second newline and a
/// lone CR included.
///
/// ```text
/// "a\n" → "a"    "a\r\n" → "a"    "a\n\n" → "a\n"    "a\r" → "a\r"
/// ```
pub fn without_final_newline(bytes: &[u8]) -> &[u8] {
    match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    }
}

/// Strips a byte order mark from the start of the bytes, where editors put it unseen.
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Removes the marks that a terminal puts around pasted text (bracketed paste), wherever they stand.
pub fn remove_paste_marks(bytes: &mut Zeroizing<Vec<u8>>) {
    let (mut kept, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\x1b[200~") || bytes[at..].starts_with(b"\x1b[201~") {
            at += 6;
        } else {
            bytes[kept] = bytes[at];
            kept += 1;
            at += 1;
        }
    }
    bytes.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_goes_at_the_start_only() {
        for (given, kept) in [
            ("\u{feff}a", "a"),
            ("\u{feff}", ""),
            ("a\u{feff}", "a\u{feff}"),
            ("a", "a"),
        ] {
            assert_eq!(without_byte_order_mark(given.as_bytes()), kept.as_bytes());
        }
    }

    #[test]
    fn paste_marks_go_wherever_they_stand() {
        for (given, kept) in [
            ("\u{1b}[200~a b\u{1b}[201~", "a b"),
            ("a\u{1b}[200~b\u{1b}[201~c\n", "abc\n"),
            ("\u{1b}[201~\u{1b}[200~", ""),
            ("\u{1b}[20~", "\u{1b}[20~"),
            ("a", "a"),
        ] {
            let mut bytes = Zeroizing::new(given.as_bytes().to_vec());
            remove_paste_marks(&mut bytes);
            assert_eq!(*bytes, kept.as_bytes(), "{given:?}");
        }
    }

    #[test]
    fn exactly_one_newline_goes() {
        for (given, kept) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a", "a"),
            ("a\n\n", "a\n"),
            ("a\r\n\r\n", "a\r\n"),
            ("a\r", "a\r"),
            ("a\r\r\n", "a\r"),
            ("\na b ", "\na b "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(
                without_final_newline(given.as_bytes()),
                kept.as_bytes(),
                "{given:?}"
            );
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let read = |length: usize| read_at_most(&mut vec![b'x'; length].as_slice(), 8).unwrap();
        assert_eq!(read(8).map(|bytes| bytes.len()), Some(8));
        assert_eq!(read(0).map(|bytes| bytes.len()), Some(0));
        assert!(read(9).is_none());
    }
}
