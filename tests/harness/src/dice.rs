//! Chance that can be had again: everything random in a test comes from one number.

use std::time::{SystemTime, UNIX_EPOCH};

/// Xorshift: enough to scatter faults, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The same seed, the same throws.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 1 to `most`.
    pub(crate) fn up_to(&mut self, most: u64) -> usize {
        (self.next() % most + 1) as usize
    }

    /// From 0 to one less than `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A test's seed: `VTRIX_SEED` where it is set, else another one each time. A test that fails says
/// which it had.
#[derive(Debug)]
pub struct Seed(u64);

impl Seed {
    /// Takes the seed of this run.
    ///
    /// # Panics
    /// `VTRIX_SEED` is no number.
    pub fn take() -> Self {
        let given = std::env::var("VTRIX_SEED").ok();
        Self(given.map_or_else(
            || {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::from(now.subsec_nanos())
            },
            |seed| seed.parse().expect("VTRIX_SEED is a number"),
        ))
    }

    /// The number itself.
    pub fn get(&self) -> u64 {
        self.0
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: VTRIX_SEED={}", self.0);
        }
    }
}
