//! Drawing passwords.

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::PolicyBuilder;
use super::space::Space;
use crate::{Error, ErrorKind, Password};

const POOL: usize = 64;

/// Random texts of a space, one after the other in the same wiped buffer, which never grows.
pub(super) struct Candidates<'a, R> {
    space: &'a Space,
    rng: R,
    // Random bytes, of which so many are used up.
    pool: Zeroizing<[u8; POOL]>,
    used: usize,
    text: Zeroizing<String>,
}

impl<'a, R: TryRng> Candidates<'a, R> {
    pub(super) fn new(space: &'a Space, rng: R) -> Self {
        Self {
            space,
            rng,
            pool: Zeroizing::new([0; POOL]),
            used: POOL,
            text: Zeroizing::new(String::with_capacity(space.length)),
        }
    }

    pub(super) fn next(&mut self) -> Result<&str, R::Error> {
        self.text.clear();
        while self.text.len() < self.space.length {
            let c = self.character()?;
            self.text.push(c);
        }
        Ok(&self.text)
    }

    // Uniform: of the smallest power of two that covers the alphabet, what lies beyond it is
    // thrown away. A remainder would favour the first characters.
    fn character(&mut self) -> Result<char, R::Error> {
        let alphabet = &self.space.alphabet;
        let mask = alphabet.len().next_power_of_two() - 1;
        loop {
            if self.used == POOL {
                self.rng.try_fill_bytes(&mut *self.pool)?;
                self.used = 0;
            }
            let byte = self.pool[self.used];
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

/// A password of the space that meets the policies.
///
/// Every text of the space is drawn with the same chance, and one that breaks a rule is thrown
/// away whole and drawn anew. So those that are left keep equal chances: they are uniform over
/// what the rules allow. Mending a text, or placing one character of each kind first, would not be.
pub(super) fn draw<R: TryRng>(
    space: &Space,
    policies: &[&PolicyBuilder],
    rng: R,
) -> Result<Password, R::Error> {
    let mut candidates = Candidates::new(space, rng);
    loop {
        let text = candidates.next()?;
        if meets(policies, text) {
            return Ok(Password::new(text).expect("visible ASCII, not empty, within the length limit"));
        }
    }
}

pub(super) fn from_system(space: &Space, policies: &[&PolicyBuilder]) -> Result<Password, Error> {
    draw(space, policies, SysRng).map_err(|_| {
        Error::not_applied(
            ErrorKind::Internal,
            "the operating system gives no randomness to make a password of",
        )
    })
}
