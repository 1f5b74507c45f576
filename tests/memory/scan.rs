//! Searches all writable memory of a process for secrets.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::needles::{Form, Needles, WINDOW};

/// A secret, or a stretch of one, in a process's memory.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) secret: String,
    pub(crate) encoding: &'static str,
    /// How much of it is there, in bytes of the encoding.
    pub(crate) length: usize,
    pub(crate) whole: bool,
    offset: usize,
    place: String,
    around: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            secret,
            encoding,
            length,
            offset,
            place,
            around,
            ..
        } = self;
        let what = if self.whole { "all of it" } else { "a part" };
        write!(
            f,
            "{secret}, {encoding}, {what} ({length} bytes from byte {offset}) in {place}: {around}"
        )
    }
}

/// What is left of the secrets in a process.
///
/// # Errors
/// The system does not let this process read the other's memory.
pub(crate) fn process(id: u32, needles: &Needles) -> io::Result<Vec<Finding>> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps"))?;
    let memory = fs::File::open(format!("/proc/{id}/mem"))?;
    let mut findings = Vec::new();
    let mut writable = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !rights.starts_with("rw") {
            continue;
        }
        let name = words.nth(3).unwrap_or("anonymous");
        let (from, to) = range.split_once('-').unwrap_or_default();
        let from = u64::from_str_radix(from, 16).unwrap();
        let to = u64::from_str_radix(to, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // A page that cannot be read is none that can hold anything: a device's, or one that is gone.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            writable += 1;
            look(&bytes, needles, &mut |at, found| {
                findings.push(found.finding(&bytes, at, format!("{name} at {:x}", from + at as u64)));
            });
        }
    }
    assert!(writable > 3, "heap, stack and data were read: {maps}");
    Ok(findings)
}

#[cfg(test)]
fn bytes(bytes: &[u8], needles: &Needles) -> Vec<Finding> {
    let mut findings = Vec::new();
    look(bytes, needles, &mut |at, found| {
        findings.push(found.finding(bytes, at, "the test".to_owned()));
    });
    findings
}

struct Found<'a> {
    form: &'a Form,
    offset: usize,
    length: usize,
}

impl Found<'_> {
    fn finding(&self, bytes: &[u8], at: usize, place: String) -> Finding {
        let around = &bytes[at.saturating_sub(48)..(at + self.length + 48).min(bytes.len())];
        Finding {
            secret: self.form.secret.clone(),
            encoding: self.form.encoding,
            length: self.length,
            offset: self.offset,
            whole: self.length == self.form.bytes.len(),
            place,
            around: around.escape_ascii().to_string(),
        }
    }
}

fn look(bytes: &[u8], needles: &Needles, found: &mut dyn FnMut(usize, Found<'_>)) {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut at = 0;
    let mut window = 0_u64;
    let mut filled = 0;
    while at < bytes.len() {
        // Most of what is mapped was never touched.
        if filled == 0 && bytes[at..].starts_with(&ZEROS) {
            at += ZEROS.len();
            continue;
        }
        window = window >> 8 | u64::from(bytes[at]) << 56;
        at += 1;
        filled += 1;
        if window == 0 {
            filled = 0;
        }
        if filled < WINDOW {
            continue;
        }
        let Some((form, offset)) = needles.at(window) else {
            continue;
        };
        let start = at - WINDOW;
        let same = form.bytes[offset..].iter().zip(&bytes[start..]);
        let length = same.take_while(|(one, other)| one == other).count();
        if length >= form.shortest {
            found(start, Found { form, offset, length });
            at = start + length;
            filled = 0;
        }
    }
}

#[test]
fn scan_finds_every_encoding_at_any_offset() {
    let secret = "Aa1\"Bb2\\Cc3@Dd4%Ee5éFf6/";
    let mut needles = Needles::default();
    needles.add("it", secret);
    for form in &needles.forms {
        for before in [0, 1, 4095, 4096, 8191, 9000] {
            let mut memory = vec![0; before];
            memory.extend(&form.bytes);
            memory.extend([0; 5000]);
            let found = bytes(&memory, &needles);
            assert_eq!(
                found.len(),
                1,
                "{} behind {before} bytes: {found:?}",
                form.encoding
            );
        }
    }
    let whole: Vec<_> = needles
        .forms
        .iter()
        .filter(|form| form.encoding == "raw")
        .collect();
    assert!(bytes(&whole[0].bytes, &needles)[0].whole);
}

#[test]
fn scan_finds_eight_bytes_but_not_seven() {
    let mut needles = Needles::default();
    needles.add("it", "Aa1\"Bb2\\Cc3@Dd4%Ee5;Ff6/");
    let found = |memory: &[u8]| bytes(memory, &needles).len();
    assert_eq!(found(b"....Bb2\\Cc3@...."), 1);
    assert_eq!(found(b"....Bb2\\Cc3x...."), 0);
    assert_eq!(found(b"Aa1\"Bb2\\..Ee5;Ff6/"), 2);
    assert_eq!(found(b""), 0);
}
