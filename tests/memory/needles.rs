//! What to search for: every part of a secret, in every encoding.

use std::collections::HashMap;

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes of the shortest stretch that is looked for. A shorter one is found in any process by chance.
pub(crate) const WINDOW: usize = 8;

/// One secret in one encoding.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) secret: String,
    pub(crate) encoding: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The shortest stretch that counts: eight characters, where one is several bytes.
    pub(crate) shortest: usize,
}

/// Many secrets, ready to be looked for all at once.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    pub(crate) forms: Vec<Form>,
    // Where each stretch of eight bytes stands: in which form, from which byte.
    windows: HashMap<u64, (u32, u32)>,
    // A bit for each hash of a stretch, because most of memory is none.
    filter: Vec<u64>,
}

const FILTER_BITS: u32 = 24;

impl Needles {
    /// `name` is how a finding calls the secret.
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        self.filter.resize(1 << (FILTER_BITS - 6), 0);
        for (encoding, bytes, wide) in encodings(secret) {
            let form = u32::try_from(self.forms.len()).unwrap();
            for (at, window) in bytes.windows(WINDOW).enumerate() {
                let window = u64::from_le_bytes(window.try_into().unwrap());
                let (word, bit) = place(window);
                self.filter[word] |= bit;
                // Encodings that leave a stretch as it is share it; the first one names it.
                self.windows
                    .entry(window)
                    .or_insert((form, u32::try_from(at).unwrap()));
            }
            self.forms.push(Form {
                secret: name.to_owned(),
                encoding,
                shortest: (WINDOW * wide).min(bytes.len()),
                bytes,
            });
        }
    }

    /// The form that has this stretch, and where in it.
    pub(crate) fn at(&self, window: u64) -> Option<(&Form, usize)> {
        let (word, bit) = place(window);
        if self.filter[word] & bit == 0 {
            return None;
        }
        let (form, at) = self.windows.get(&window)?;
        Some((&self.forms[*form as usize], *at as usize))
    }
}

fn place(window: u64) -> (usize, u64) {
    let hash = window.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - FILTER_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn encodings(secret: &str) -> Vec<(&'static str, Vec<u8>, usize)> {
    let json = serde_json::to_string(secret).unwrap();
    let escaped = json.as_bytes()[1..json.len() - 1].to_vec();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let lower = percent.to_lowercase();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let utf16 = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf32 = secret.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let mut all = vec![
        ("raw", secret.as_bytes().to_vec(), 1),
        ("JSON", escaped, 1),
        ("percent", percent.into_bytes(), 1),
        ("percent, lower case", lower.into_bytes(), 1),
        ("form", form.into_bytes(), 1),
        ("UTF-16", utf16, 2),
        ("UTF-32", utf32, 4),
    ];
    // Inside something longer it may begin at any of base64's three bytes.
    for shift in 0..3 {
        let shifted = [&[0; 2][..shift], secret.as_bytes()].concat();
        let own = [0, 2, 3][shift]..shifted.len() * 8 / 6;
        all.push((
            "base64",
            Base64Unpadded::encode_string(&shifted)[own.clone()].into(),
            1,
        ));
        all.push((
            "base64url",
            Base64UrlUnpadded::encode_string(&shifted)[own].into(),
            1,
        ));
    }
    all
}
