//! Generates passwords.

use std::{iter, mem};

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::PolicyBuilder;
use super::space::Space;
use crate::{Error, ErrorKind, Password};

// Enough for several passwords: a read from the system costs as much as generating one.
const POOL: usize = 256;

/// Random texts of a space, drawn one at a time into one buffer, which never grows and is wiped.
pub(super) struct Candidates<'a, R> {
    space: &'a Space,
    rng: R,
    // Random bytes; the first `used` are used and wiped. On the heap, so that moves leave no copy.
    pool: Zeroizing<Box<[u8]>>,
    used: usize,
    text: Zeroizing<String>,
}

impl<'a, R: TryRng> Candidates<'a, R> {
    pub(super) fn new(space: &'a Space, rng: R) -> Self {
        Self {
            space,
            rng,
            pool: Zeroizing::new(vec![0; POOL].into_boxed_slice()),
            used: POOL,
            text: Zeroizing::new(String::with_capacity(space.length)),
        }
    }

    /// Draws a password of the space that meets the policies.
    ///
    /// Rejection sampling: every text of the space is equally likely, and a text that violates a rule is discarded as a
    /// whole. The result is therefore uniform over the passwords that the rules allow. Repairing a text, or placing one
    /// character of each class first, would not be uniform.
    pub(super) fn password(&mut self, policies: &[&PolicyBuilder]) -> Result<Password, R::Error> {
        loop {
            let text = self.next()?;
            if meets(policies, text) {
                let password =
                    Password::new(text).expect("visible ASCII, not empty, within the length limit");
                self.text.zeroize();
                return Ok(password);
            }
        }
    }

    pub(super) fn next(&mut self) -> Result<&str, R::Error> {
        self.text.clear();
        let space = self.space;
        while self.text.len() < space.length {
            let from = if self.text.is_empty() {
                &space.first
            } else {
                &space.alphabet
            };
            let c = self.character(from)?;
            self.text.push(c);
        }
        Ok(&self.text)
    }

    // Uniform: indexes are drawn from the smallest power of two that covers the alphabet, and those beyond it are
    // discarded. A remainder would favor the first characters.
    fn character(&mut self, alphabet: &[u8]) -> Result<char, R::Error> {
        let mask = alphabet.len().next_power_of_two() - 1;
        loop {
            if self.used == POOL {
                self.rng.try_fill_bytes(&mut self.pool)?;
                self.used = 0;
            }
            let byte = mem::take(&mut self.pool[self.used]);
            self.used += 1;
            if let Some(c) = alphabet.get(usize::from(byte) & mask) {
                return Ok(char::from(*c));
            }
        }
    }
}

pub(super) fn meets(policies: &[&PolicyBuilder], text: &str) -> bool {
    policies
        .iter()
        .all(|policy| policy.violated(text).next().is_none())
}

pub(super) fn one(space: &Space, policies: &[&PolicyBuilder]) -> Result<Password, Error> {
    Candidates::new(space, SysRng)
        .password(policies)
        .map_err(|_| no_randomness())
}

pub(super) fn many<const N: usize>(
    space: &Space,
    policies: [&PolicyBuilder; N],
) -> impl Iterator<Item = Result<Password, Error>> {
    let mut candidates = Candidates::new(space, SysRng);
    iter::repeat_with(move || candidates.password(&policies).map_err(|_| no_randomness()))
}

fn no_randomness() -> Error {
    Error::not_applied(
        ErrorKind::Internal,
        "cannot generate a password: the operating system provides no randomness",
    )
}
