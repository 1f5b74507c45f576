//! Content encodings that were not requested. Requests say `Accept-Encoding: identity`; some gateways compress
//! all the same.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use zeroize::Zeroizing;

/// A body as it was before its encoding, and whether that is all of it.
pub(super) struct Decoded {
    pub(super) body: Bytes,
    pub(super) complete: bool,
}

/// Undoes the encodings that these headers name. A body in an encoding that cannot be undone cannot be read:
/// nothing of it is left. At most `limit` bytes come out; the buffers are wiped.
pub(super) fn decoded(headers: &HeaderMap, body: Bytes, complete: bool, limit: usize) -> Decoded {
    let named = headers.get_all(CONTENT_ENCODING).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let mut encodings: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    // Some compress without saying so.
    if encodings.is_empty() && body.starts_with(GZIP) {
        encodings.push("gzip");
    }
    let mut decoded = Decoded { body, complete };
    for encoding in encodings.into_iter().rev() {
        if is_plain(&decoded.body) {
            return decoded;
        }
        decoded = match encoding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gunzipped(&decoded, limit),
            "deflate" => inflated(&decoded, limit),
            "br" | "zstd" | "compress" | "x-compress" | "dcb" | "dcz" => UNREADABLE,
            // Not an encoding, although some servers name one of characters here.
            _ => decoded,
        };
    }
    decoded
}

const GZIP: &[u8] = &[0x1f, 0x8b, 8];

const UNREADABLE: Decoded = Decoded {
    body: Bytes::new(),
    complete: false,
};

fn gunzipped(encoded: &Decoded, limit: usize) -> Decoded {
    let Some(start) = behind_header(&encoded.body) else {
        return UNREADABLE;
    };
    let Some((out, used, ended)) = inflate(&encoded.body[start..], 0, limit) else {
        return UNREADABLE;
    };
    let trailer = encoded
        .body
        .get(start + used..)
        .and_then(|rest| rest.first_chunk::<8>());
    let intact = trailer.is_some_and(|[a, b, c, d, e, f, g, h]| {
        let length = u32::from_le_bytes([*e, *f, *g, *h]);
        u32::from_le_bytes([*a, *b, *c, *d]) == crc32(&out) && usize::try_from(length) == Ok(out.len())
    });
    Decoded {
        body: Bytes::from_owner(out),
        complete: encoded.complete && ended && intact,
    }
}

// As RFC 9110 has it, with zlib's header, or bare, as some send it.
fn inflated(encoded: &Decoded, limit: usize) -> Decoded {
    let inflated = inflate(&encoded.body, TINFL_FLAG_PARSE_ZLIB_HEADER, limit)
        .or_else(|| inflate(&encoded.body, 0, limit));
    inflated.map_or(UNREADABLE, |(out, _, ended)| Decoded {
        body: Bytes::from_owner(out),
        complete: encoded.complete && ended,
    })
}

// Some name an encoding that they have not applied.
fn is_plain(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'[' | b'<'))
}

/// What came out, how much of the input that took, and whether the stream ended. `None` if the input is none.
fn inflate(input: &[u8], flags: u32, limit: usize) -> Option<(Zeroizing<Vec<u8>>, usize, bool)> {
    let mut out = Zeroizing::new(vec![0; limit]);
    let mut state = Box::<DecompressorOxide>::default();
    let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, used, written) = decompress(&mut state, input, &mut out, 0, flags);
    out.truncate(written);
    match status {
        TINFLStatus::Done => Some((out, used, true)),
        TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
            Some((out, used, false))
        }
        _ => None,
    }
}

// Where the compressed data begins (RFC 1952, section 2.3).
fn behind_header(body: &[u8]) -> Option<usize> {
    const CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let flags = *body.strip_prefix(GZIP)?.first()?;
    let mut at = 10;
    if flags & EXTRA != 0 {
        let length = body.get(at..)?.first_chunk::<2>()?;
        at += 2 + usize::from(u16::from_le_bytes(*length));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            at += body.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & CRC != 0 {
        at += 2;
    }
    (at <= body.len()).then_some(at)
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    use super::*;

    const TEXT: &[u8] = br#"{"succeeded":true,"errors":[]}"#;

    fn gzip(text: &[u8], flags: u8, optional: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap();
        [
            &[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255][..],
            optional,
            &compress_to_vec(text, 6),
            &crc32(text).to_le_bytes(),
            &length.to_le_bytes(),
        ]
        .concat()
    }

    fn read(encodings: &[&'static str], body: &[u8], limit: usize) -> (Vec<u8>, bool) {
        let mut headers = HeaderMap::new();
        for encoding in encodings {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let decoded = decoded(&headers, Bytes::copy_from_slice(body), true, limit);
        (decoded.body.to_vec(), decoded.complete)
    }

    #[test]
    fn encoding_of_unrequested_compression_is_decoded() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let plain = gzip(TEXT, 0, b"");
        let decorated = gzip(TEXT, 2 | 4 | 8 | 16, b"\x03\0abcname\0comment\0cc");
        for (encodings, body) in [
            (&["gzip"][..], &plain),
            (&["X-GZip"], &decorated),
            (&[], &plain),
            (&["identity, gzip"], &plain),
            (&["deflate"], &compress_to_vec_zlib(TEXT, 6)),
            (&["deflate"], &compress_to_vec(TEXT, 6)),
            (
                &["deflate", "gzip"],
                &gzip(&compress_to_vec_zlib(TEXT, 6), 0, b""),
            ),
            (&["gzip"], &TEXT.to_vec()),
            (&["br"], &TEXT.to_vec()),
            (&["utf-8"], &TEXT.to_vec()),
            (&[], &TEXT.to_vec()),
        ] {
            assert_eq!(
                read(encodings, body, 1000),
                (TEXT.to_vec(), true),
                "{encodings:?}"
            );
        }
    }

    #[test]
    fn encoding_of_truncated_body_is_decoded_in_part() {
        let whole = gzip(TEXT, 0, b"");
        let without_trailer = &whole[..whole.len() - 8];
        assert_eq!(read(&["gzip"], without_trailer, 1000), (TEXT.to_vec(), false));
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(read(&["gzip"], &damaged, 1000), (TEXT.to_vec(), false));
        let (half, complete) = read(&["gzip"], &whole[..whole.len() / 2], 1000);
        assert!(!complete && TEXT.starts_with(&half));
        let bomb = gzip(&vec![b' '; 1 << 20], 0, b"");
        let (spaces, complete) = read(&["gzip"], &bomb, 4096);
        assert!(!complete && spaces.len() <= 4096);
    }

    #[test]
    fn encoding_that_is_unknown_leaves_no_body() {
        for (encoding, body) in [
            ("br", &b"\x0b\x0f\x80"[..]),
            ("zstd", b"\x28\xb5\x2f\xfd"),
            ("gzip, br", b"\x0b\x0f\x80"),
            ("gzip", b"no such thing"),
            ("gzip", b"\x1f\x8b\x08\x04\0\0\0\0\0\0\xff\xff"),
            ("deflate", b"\xff\xff\xff"),
        ] {
            assert_eq!(read(&[encoding], body, 1000), (vec![], false), "{encoding}");
        }
    }
}
