//! BER as LDAP uses it, from a server's side.
//!
//! Written apart from the client's codec, so that the two share no mistake.

/// Bytes that are not BER as LDAP uses it, or not the expected element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Reads elements one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Tag and contents of the next element.
    pub(super) fn next(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (head, length) = header(self.0)?.ok_or(Malformed)?;
        let end = head.checked_add(length).ok_or(Malformed)?;
        let (element, rest) = self.0.split_at_checked(end).ok_or(Malformed)?;
        self.0 = rest;
        Ok((element[0], &element[head..]))
    }

    /// The contents of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.next()? {
            (found, contents) if found == tag => Ok(contents),
            _ => Err(Malformed),
        }
    }

    /// The same if the next element has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.peek() == Some(tag) {
            return self.expect(tag).map(Some);
        }
        Ok(None)
    }

    pub(super) fn text(&mut self, tag: u8) -> Result<String, Malformed> {
        String::from_utf8(self.expect(tag)?.to_vec()).map_err(|_| Malformed)
    }

    pub(super) fn integer(&mut self, tag: u8) -> Result<i32, Malformed> {
        let bytes = self.expect(tag)?;
        let first = *bytes.first().ok_or(Malformed)?;
        if bytes.len() > 4 {
            return Err(Malformed);
        }
        let sign = if first & 0x80 == 0 { 0 } else { -1 };
        Ok(bytes
            .iter()
            .fold(sign, |value, byte| value << 8 | i32::from(*byte)))
    }
}

/// The size of the first element, header included; `None` while its header is incomplete.
pub(super) fn size(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some((head, length)) = header(bytes)? else {
        return Ok(None);
    };
    head.checked_add(length).map(Some).ok_or(Malformed)
}

// Sizes of the header and of the contents.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some(&first) = bytes.get(1) else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some((2, first.into())));
    }
    let digits = usize::from(first & 0x7f);
    // 0x80 is the indefinite form, which LDAP excludes.
    if digits == 0 || digits > 4 {
        return Err(Malformed);
    }
    let Some(length) = bytes.get(2..2 + digits) else {
        return Ok(None);
    };
    let length = length
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    Ok(Some((2 + digits, length)))
}

/// Writes elements. Servers differ in how they write lengths; clients must read both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lengths {
    /// As short as possible.
    Minimal,
    /// Of constructed elements always in five bytes, as Active Directory does.
    Long,
}

impl Lengths {
    pub(super) fn element(self, tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut element = vec![tag];
        let length = contents.len();
        let is_constructed = tag & 0x20 != 0;
        match u8::try_from(length) {
            Ok(short @ ..0x80) if !(is_constructed && self == Self::Long) => element.push(short),
            Ok(byte) if self == Self::Minimal => element.extend([0x81, byte]),
            _ => {
                element.push(0x84);
                element.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
        element.extend_from_slice(contents);
        element
    }

    pub(super) fn integer(self, tag: u8, value: i32) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let mut contents = &bytes[..];
        // Leading bytes that only repeat the sign.
        while let [first, second, ..] = contents
            && (*first == 0 && second & 0x80 == 0 || *first == 0xff && second & 0x80 != 0)
        {
            contents = &contents[1..];
        }
        self.element(tag, contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_form_are_read() {
        for lengths in [Lengths::Minimal, Lengths::Long] {
            for size in [0, 1, 127, 128, 255, 256, 70_000] {
                let contents = vec![7; size];
                let element = lengths.element(SEQUENCE, &contents);
                assert_eq!(super::size(&element), Ok(Some(element.len())), "{size}");
                let mut reader = Reader(&element);
                assert_eq!(reader.next(), Ok((SEQUENCE, &contents[..])));
                assert!(reader.is_empty());
            }
        }
        assert_eq!(Lengths::Minimal.element(SEQUENCE, &[]), [0x30, 0]);
        assert_eq!(Lengths::Long.element(SEQUENCE, &[]), [0x30, 0x84, 0, 0, 0, 0]);
    }

    #[test]
    fn incomplete_and_indefinite_lengths_are_not_read() {
        assert_eq!(size(&[0x30]), Ok(None));
        assert_eq!(size(&[0x30, 0x82, 1]), Ok(None));
        assert_eq!(size(&[0x30, 0x80, 0, 0]), Err(Malformed));
        assert_eq!(size(&[0x30, 0x85, 0, 0, 0, 0, 1]), Err(Malformed));
        assert_eq!(Reader(&[0x04, 2, 0]).next(), Err(Malformed));
    }

    #[test]
    fn integers_have_the_fewest_bytes_and_keep_their_sign() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0, 128]),
            (-1, &[0xff]),
            (-129, &[0xff, 0x7f]),
            (i32::MAX, &[0x7f, 0xff, 0xff, 0xff]),
        ] {
            let element = Lengths::Minimal.integer(INTEGER, value);
            assert_eq!(&element[2..], bytes, "{value}");
            assert_eq!(Reader(&element).integer(INTEGER), Ok(value));
        }
    }
}
