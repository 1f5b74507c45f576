//! Drawing passwords.

use std::{iter, mem};

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::PolicyBuilder;
use super::space::Space;
use crate::{Error, ErrorKind, Password};

// Enough for a handful of passwords: asking the system costs as much as making one.
const POOL: usize = 256;

/// Random texts of a space, one after the other in the same wiped buffer, which never grows.
pub(super) struct Candidates<'a, R> {
    space: &'a Space,
    rng: R,
    // Random bytes, of which so many are used up, and wiped. On the heap, so that no copy stays where this was.
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

    /// A password of the space that meets the policies.
    ///
    /// Every text of the space is drawn with the same chance: the first character of those that may be first, the
    /// others of the whole alphabet. One that breaks a rule is thrown
    /// away whole and drawn anew. So those that are left keep equal chances: they are uniform over
    /// what the rules allow. Mending a text, or placing one character of each kind first, would not be.
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

    // Uniform: of the smallest power of two that covers the alphabet, what lies beyond it is
    // thrown away. A remainder would favour the first characters.
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
    policies.iter().all(|policy| policy.broken(text).next().is_none())
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
        "the operating system gives no randomness to make a password of",
    )
}
