//! Recognizes files that are neither CSV nor JSON lines by their first bytes.

/// Enough bytes to recognize each of them.
pub(super) const ENOUGH: usize = 16;

/// What the file is and what to do, if it is a known other format.
pub(super) fn identify(start: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 17] = [
        (b"\xff\xfe\0\0", "is UTF-32; save it as UTF-8"),
        (b"\0\0\xfe\xff", "is UTF-32; save it as UTF-8"),
        (b"\xff\xfe", "is UTF-16; save it as UTF-8"),
        (b"\xfe\xff", "is UTF-16; save it as UTF-8"),
        (
            b"PK\x03\x04",
            "is a zip file, as a workbook (.xlsx, .ods) is; export the sheet as CSV in UTF-8",
        ),
        (
            b"PK\x05\x06",
            "is a zip file, as a workbook (.xlsx, .ods) is; export the sheet as CSV in UTF-8",
        ),
        (
            b"\xd0\xcf\x11\xe0",
            "is a workbook of Excel (.xls); export the sheet as CSV in UTF-8",
        ),
        (b"\x1f\x8b", COMPRESSED_BY_GZIP),
        (b"BZh", COMPRESSED),
        (b"\xfd7zXZ", COMPRESSED),
        (b"\x28\xb5\x2f\xfd", COMPRESSED),
        (b"7z\xbc\xaf\x27\x1c", COMPRESSED),
        (b"%PDF", "is a PDF; give CSV or JSON lines"),
        (b"{\\rtf", "is rich text (RTF); save it as plain text in UTF-8"),
        (b"age-encryptio", ENCRYPTED),
        (b"-----BEGIN ", ENCRYPTED),
        (
            b"SQLite format",
            "is a database of SQLite; give CSV or JSON lines",
        ),
    ];
    let kind = KINDS.iter().find(|(first, _)| start.starts_with(first));
    if let Some((_, what)) = kind {
        return Some(what);
    }
    let visible = without_byte_order_mark(start).trim_ascii_start();
    if visible.starts_with(b"{\\rtf") {
        return Some("is rich text (RTF); save it as plain text in UTF-8");
    }
    if visible.starts_with(b"<") {
        return Some("is HTML or XML; give CSV or JSON lines");
    }
    if visible
        .get(..5)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"#TYPE"))
    {
        return Some(
            "begins with a line #TYPE, as PowerShell writes it; export it with -NoTypeInformation, or delete that line",
        );
    }
    if visible.starts_with(b"#") {
        return Some("begins with a comment, which CSV does not have; delete that line");
    }
    // Text of any alphabet has ASCII in its first line, so every other byte is zero.
    let zeros = |odd: usize| {
        let bytes = start.iter().enumerate().take(8);
        start.len() >= 4 && bytes.filter(|(at, _)| at % 2 == odd).all(|(_, byte)| *byte == 0)
    };
    if zeros(0) || zeros(1) {
        return Some("is UTF-16; save it as UTF-8");
    }
    None
}

const COMPRESSED: &str = "is compressed; unpack it first";
const COMPRESSED_BY_GZIP: &str =
    "is compressed by gzip; unpack it first, or pipe `gunzip -c` into `repass bulk run -`";
const ENCRYPTED: &str = "is encrypted; decrypt it first, or pipe what is decrypted into `repass bulk run -`";

pub(super) fn without_byte_order_mark(start: &[u8]) -> &[u8] {
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start)
}
