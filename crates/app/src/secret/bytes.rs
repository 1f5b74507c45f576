//! Reading secret bytes into memory that is wiped.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// Everything up to the end of `source`, or `None` if that is more than `limit` bytes.
///
/// The buffer has its full size from the start, because one that grows leaves its outgrown copies behind
/// unwiped; for the same reason `source` should not buffer.
pub(crate) fn read_at_most(source: &mut impl Read, limit: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
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

/// The bytes without one newline at their end, be it LF or CR LF. Everything else stays, a second newline
/// and a lone CR included.
///
/// ```text
/// "a\n" → "a"    "a\r\n" → "a"    "a\n\n" → "a\n"    "a\r" → "a\r"
/// ```
pub(crate) fn without_final_newline(bytes: &[u8]) -> &[u8] {
    match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
