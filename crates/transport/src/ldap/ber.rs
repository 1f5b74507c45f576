//! The part of BER (X.690) that LDAP uses: tags of one byte, definite lengths.

use std::fmt;

use zeroize::Zeroizing;

/// The BER tag of a BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// The BER tag of an INTEGER.
pub const INTEGER: u8 = 0x02;
/// The BER tag of an OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// The BER tag of an ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// The BER tag of a SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// The BER tag of a SET.
pub const SET: u8 = 0x31;

/// A tag whose number follows in further bytes. LDAP has none.
const LONG_TAG: u8 = 0x1f;

/// A BER element to encode. It borrows its contents, so a secret is copied once, into the buffer that is sent.
#[derive(Clone)]
pub struct Element<'a> {
    tag: u8,
    content: Content<'a>,
}

#[derive(Clone)]
enum Content<'a> {
    Bytes(&'a [u8]),
    /// The big-endian bytes of an integer, from this index on.
    Integer([u8; 4], usize),
    /// Active Directory's form of a password: in quotes, as UTF-16LE.
    QuotedUtf16(&'a str),
    Elements(Vec<Element<'a>>),
}

impl<'a> Element<'a> {
    /// Creates an element of these bytes under this tag.
    pub fn bytes(tag: u8, bytes: &'a [u8]) -> Self {
        let content = Content::Bytes(bytes);
        Self { tag, content }
    }

    /// Creates an OCTET STRING element of this text.
    pub fn text(text: &'a str) -> Self {
        Self::bytes(OCTET_STRING, text.as_bytes())
    }

    /// Creates an integer from 0 to 2³¹ − 1 under this tag, as LDAP's integers are; a greater one becomes the
    /// greatest.
    pub fn integer(tag: u8, number: u32) -> Self {
        let bytes = number.min(i32::MAX.unsigned_abs()).to_be_bytes();
        // The fewest bytes whose first bit is no sign.
        let first = (0..3).find(|&at| bytes[at] != 0 || bytes[at + 1] >= 0x80);
        let content = Content::Integer(bytes, first.unwrap_or(3));
        Self { tag, content }
    }

    /// Creates a BOOLEAN element of BER.
    pub fn boolean(value: bool) -> Self {
        let content = Content::Bytes(if value { &[0xff] } else { &[0x00] });
        Self {
            tag: BOOLEAN,
            content,
        }
    }

    /// Creates an OCTET STRING of this text in quotes, as UTF-16LE: a value of Active Directory's `unicodePwd`.
    pub fn quoted_utf16(text: &'a str) -> Self {
        let content = Content::QuotedUtf16(text);
        Self {
            tag: OCTET_STRING,
            content,
        }
    }

    /// The same under another tag.
    pub(super) fn with_tag(self, tag: u8) -> Self {
        Self { tag, ..self }
    }

    /// Creates an element that holds these elements under this tag, for example [`SEQUENCE`].
    pub fn constructed(tag: u8, elements: Vec<Self>) -> Self {
        let content = Content::Elements(elements);
        Self { tag, content }
    }

    /// Encodes the element in a buffer of exactly its size that is wiped when it is dropped: no outgrown copy of a
    /// secret stays behind.
    ///
    /// ```
    /// use repass_transport::ldap::ber::{Element, SEQUENCE};
    ///
    /// let element = Element::constructed(SEQUENCE, vec![Element::text("cn")]);
    /// assert_eq!(*element.encode(), [0x30, 4, 0x04, 2, b'c', b'n']);
    /// ```
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let size = self.size();
        let mut buffer = Zeroizing::new(Vec::with_capacity(size));
        self.write(&mut buffer);
        debug_assert_eq!((buffer.len(), buffer.capacity()), (size, size), "it never grew");
        buffer
    }

    fn content_size(&self) -> usize {
        match &self.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Integer(bytes, first) => bytes.len() - first,
            Content::QuotedUtf16(text) => 2 * (text.encode_utf16().count() + 2),
            Content::Elements(elements) => elements.iter().map(Self::size).sum(),
        }
    }

    fn size(&self) -> usize {
        let content = self.content_size();
        1 + length_size(content) + content
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        buffer.push(self.tag);
        write_length(self.content_size(), buffer);
        match &self.content {
            Content::Bytes(bytes) => buffer.extend_from_slice(bytes),
            Content::Integer(bytes, first) => buffer.extend_from_slice(&bytes[*first..]),
            Content::QuotedUtf16(text) => {
                let quote = || std::iter::once(u16::from(b'"'));
                for unit in quote().chain(text.encode_utf16()).chain(quote()) {
                    buffer.extend_from_slice(&unit.to_le_bytes());
                }
            }
            Content::Elements(elements) => elements.iter().for_each(|element| element.write(buffer)),
        }
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Element([REDACTED] {} bytes)", self.size())
    }
}

fn length_size(length: usize) -> usize {
    let mark = usize::from(length > 0x7f);
    mark + length_bytes(length)
}

fn length_bytes(length: usize) -> usize {
    (size_of::<usize>() - length.leading_zeros() as usize / 8).max(1)
}

fn write_length(length: usize, buffer: &mut Vec<u8>) {
    let bytes = length.to_be_bytes();
    let count = length_bytes(length);
    if length > 0x7f {
        // At most the eight bytes of a `usize`.
        buffer.push(0x80 | u8::try_from(count).unwrap_or_default());
    }
    buffer.extend_from_slice(&bytes[bytes.len() - count..]);
}

/// Reads BER elements one after the other. It copies nothing and never panics; elements nest only as deep as the
/// caller goes.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// A BER element that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The BER tag of the element.
    pub tag: u8,
    /// The contents of the element, without tag and length.
    pub value: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader of the BER elements in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the next BER element; `None` at the end.
    ///
    /// # Errors
    /// What follows is not an element that LDAP has, or is not whole.
    pub fn read(&mut self) -> Result<Option<Item<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (head, length) = header(self.rest)?.ok_or(Malformed)?;
        let (whole, rest) = self.rest.split_at_checked(head + length).ok_or(Malformed)?;
        let item = Item {
            tag: whole[0],
            value: &whole[head..],
        };
        self.rest = rest;
        Ok(Some(item))
    }

    /// Reads the next element, if it has this tag; otherwise it stays.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn optional(&mut self, tag: u8) -> Result<Option<Item<'a>>, Malformed> {
        if self.rest.first() != Some(&tag) {
            return Ok(None);
        }
        self.read()
    }

    /// Reads the next element, and fails if it has another tag.
    ///
    /// # Errors
    /// It has another, or as [`read`](Self::read).
    pub fn expect(&mut self, tag: u8) -> Result<Item<'a>, Malformed> {
        self.optional(tag)?.ok_or(Malformed)
    }

    /// Whether no bytes are left to read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({} bytes)", self.rest.len())
    }
}

impl<'a> Item<'a> {
    /// Creates a reader of the elements that this one contains.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.value)
    }

    /// The value as a number from 0 to 2³¹ − 1, leading zeros or not.
    ///
    /// # Errors
    /// It is another number or none.
    pub fn number(&self) -> Result<u32, Malformed> {
        let (first, _) = self.value.split_first().ok_or(Malformed)?;
        let significant = self.value.iter().skip_while(|&&byte| byte == 0);
        if *first >= 0x80 || significant.clone().count() > 4 {
            return Err(Malformed);
        }
        let number = significant.fold(0, |number: u32, &byte| number << 8 | u32::from(byte));
        i32::try_from(number).map_err(|_| Malformed)?;
        Ok(number)
    }

    /// The value as a truth value: anything but zero is true.
    ///
    /// # Errors
    /// It is not one byte.
    pub fn truth(&self) -> Result<bool, Malformed> {
        match self.value {
            [byte] => Ok(*byte != 0),
            _ => Err(Malformed),
        }
    }

    /// The value as text, without the line feeds and NULs that servers put behind it. What is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(self.value);
        text.trim_end_matches(['\n', '\r', '\0']).to_owned()
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Item({:#04x}, [REDACTED] {} bytes)",
            self.tag,
            self.value.len()
        )
    }
}

/// Returns the size of the SEQUENCE that begins here, tag and length included. Every message of LDAP is one. `None`
/// if more bytes are needed to know it.
///
/// # Errors
/// No SEQUENCE begins here, or it is longer than `limit`.
///
/// ```
/// use repass_transport::ldap::ber::sequence_size;
///
/// assert_eq!(sequence_size(&[0x30, 5], 1024), Ok(Some(7)));
/// assert_eq!(sequence_size(&[0x30, 0x82, 1], 1024), Ok(None));
/// assert!(sequence_size(b"HTTP/1.1 400 Bad Request", 1024).is_err());
/// ```
pub fn sequence_size(bytes: &[u8], limit: usize) -> Result<Option<usize>, Malformed> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Malformed);
    }
    let Some((head, length)) = header(bytes)? else {
        return Ok(None);
    };
    let size = head.checked_add(length).filter(|size| *size <= limit);
    size.map(Some).ok_or(Malformed)
}

// The sizes of tag and length together, and of the contents. `None`: more bytes are needed.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some((tag, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if tag & LONG_TAG == LONG_TAG {
        return Err(Malformed);
    }
    let Some((first, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let count = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return Ok(Some((2, count)));
    }
    // A length of four bytes is enough, and some servers always write four. Zero is the indefinite form, which LDAP
    // forbids (RFC 4511, section 5.1).
    if !(1..=4).contains(&count) {
        return Err(Malformed);
    }
    let Some(length) = rest.get(..count) else {
        return Ok(None);
    };
    let length = length
        .iter()
        .fold(0, |length: u32, &byte| length << 8 | u32::from(byte));
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    // Elsewhere a sum of both must not overflow.
    let head = 2 + count;
    head.checked_add(length).ok_or(Malformed)?;
    Ok(Some((head, length)))
}

/// The error for bytes that are no valid BER or LDAP message. Quotes nothing of them: they may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not readable LDAP")
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_length_takes_the_fewest_bytes() {
        for (length, head) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (255, vec![4, 0x81, 255]),
            (256, vec![4, 0x82, 1, 0]),
            (65_536, vec![4, 0x83, 1, 0, 0]),
        ] {
            let content = vec![7; length];
            let encoded = Element::bytes(OCTET_STRING, &content).encode();
            assert_eq!(encoded[..head.len()], head, "{length}");
            assert_eq!(encoded[head.len()..], content);
            let whole = Element::constructed(SEQUENCE, vec![Element::bytes(OCTET_STRING, &content)]).encode();
            assert_eq!(sequence_size(&whole, usize::MAX), Ok(Some(whole.len())));
        }
    }

    #[test]
    fn integer_takes_the_fewest_bytes_and_reads_back() {
        for (number, bytes) in [
            (0, vec![0]),
            (127, vec![127]),
            (128, vec![0, 128]),
            (256, vec![1, 0]),
            (0x7fff, vec![0x7f, 0xff]),
            (0x8000, vec![0, 0x80, 0]),
            (0x7fff_ffff, vec![0x7f, 0xff, 0xff, 0xff]),
        ] {
            let encoded = Element::integer(INTEGER, number).encode();
            assert_eq!(encoded[2..], bytes, "{number}");
            let item = Reader::new(&encoded).expect(INTEGER).unwrap();
            assert_eq!(item.number(), Ok(number));
        }
        let greatest = Element::integer(INTEGER, u32::MAX).encode();
        assert_eq!(greatest[2..], [0x7f, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn number_out_of_range_is_malformed() {
        let number = |value| Item { tag: INTEGER, value }.number();
        assert_eq!(number(&[0, 0, 0, 0, 0, 49]), Ok(49));
        for bytes in [
            &[][..],
            &[0xff],
            &[0x80, 0],
            &[0, 0x80, 0, 0, 0],
            &[1, 0, 0, 0, 0],
        ] {
            assert_eq!(number(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn password_of_active_directory_is_quoted_utf16() {
        let encoded = Element::quoted_utf16("a\"€\u{1f600}").encode();
        let units = ["\"", "a", "\"", "€", "\u{1f600}", "\""].concat();
        let expected: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(encoded[2..], expected);
    }

    #[test]
    fn length_in_the_long_form_is_accepted() {
        // As 389 Directory Server writes control error 5.
        let mut reader = Reader::new(&[0x30, 0x84, 0, 0, 0, 3, 0x81, 1, 5]);
        let item = reader.expect(SEQUENCE).unwrap().reader().expect(0x81).unwrap();
        assert_eq!(item.number(), Ok(5));
        assert!(reader.is_at_end());
    }

    #[test]
    fn hostile_header_is_refused() {
        for bytes in [
            // The indefinite form, five bytes of length, a tag of several bytes, text.
            &[0x30, 0x80, 0, 0][..],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x3f, 0x81, 1, 0],
            &[0x30, 0xff],
        ] {
            assert_eq!(sequence_size(bytes, 1 << 20), Err(Malformed), "{bytes:?}");
            assert_eq!(Reader::new(bytes).read(), Err(Malformed), "{bytes:?}");
        }
        assert_eq!(
            sequence_size(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], 1 << 20),
            Err(Malformed)
        );
        assert_eq!(Reader::new(&[0x30, 4, 4, 5, 0]).expect(SEQUENCE), Err(Malformed));
        assert_eq!(Reader::new(&[4, 1, 0]).expect(SEQUENCE), Err(Malformed));
    }

    #[test]
    fn text_loses_what_servers_put_behind_it() {
        let text = |value| {
            Item {
                tag: OCTET_STRING,
                value,
            }
            .text()
        };
        assert_eq!(text(b"Invalid oldPasswd value.\n"), "Invalid oldPasswd value.");
        assert_eq!(text(b"0000052D: AtrErr\n\0"), "0000052D: AtrErr");
        assert_eq!(text(b"\xff ok"), "\u{fffd} ok");
    }

    #[test]
    fn debug_shows_no_content() {
        let element = Element::text("canary-1");
        let encoded = element.encode();
        let item = Reader::new(&encoded).read().unwrap().unwrap();
        let shown = format!("{element:?} {item:?} {:?}", Reader::new(&encoded));
        assert!(!shown.contains("canary") && !shown.contains("99"), "{shown}");
    }
}
